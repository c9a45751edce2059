import type { OptionSpec, OptionSpecs } from './command.js';

/** Options that every command takes, before or after its name. */
export const GLOBAL_OPTIONS = {
  gateway: {
    kind: 'text',
    short: 'g',
    placeholder: 'NAME',
    env: 'OPENSHELL_GATEWAY',
    help: 'registered gateway to use; default: the active one',
  },
  'gateway-endpoint': {
    kind: 'text',
    placeholder: 'URL',
    env: 'OPENSHELL_GATEWAY_ENDPOINT',
    help: 'gateway to use, as http://HOST:PORT or https://HOST:PORT',
  },
  'gateway-insecure': {
    kind: 'flag',
    env: 'OPENSHELL_GATEWAY_INSECURE',
    help: "do not verify the gateway's certificate",
  },
  'gateway-ca': {
    kind: 'text',
    placeholder: 'FILE',
    env: 'OPENSHELL_GATEWAY_CA',
    completes: 'file',
    help: "certificate authority that signed the gateway's certificate (PEM)",
  },
  'gateway-cert': {
    kind: 'text',
    placeholder: 'FILE',
    env: 'OPENSHELL_GATEWAY_CERT',
    completes: 'file',
    help: 'own certificate, for gateways that ask for one (PEM)',
  },
  'gateway-key': {
    kind: 'text',
    placeholder: 'FILE',
    env: 'OPENSHELL_GATEWAY_KEY',
    completes: 'file',
    help: 'key of the own certificate (PEM)',
  },
  workspace: {
    kind: 'text',
    placeholder: 'NAME',
    env: 'OPENSHELL_WORKSPACE',
    completes: 'workspace',
    help: 'workspace to work in; default: default',
  },
  verbose: {
    kind: 'flag',
    short: 'v',
    help: 'say more on stderr: the endpoint, steps and phases of a sandbox',
  },
  help: { kind: 'flag', short: 'h', help: 'show this help' },
} as const satisfies OptionSpecs;

const OUTPUT_FORMATS = ['table', 'json', 'yaml'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export const outputOption: OptionSpec = {
  kind: 'text',
  short: 'o',
  placeholder: 'FORMAT',
  choices: OUTPUT_FORMATS,
  help: 'table for people, json or yaml for programs; default: table',
};

export const envOption: OptionSpec = {
  kind: 'list',
  placeholder: 'K=V',
  help: 'environment variable; K alone copies its value from here',
};

export const labelOption: OptionSpec = { kind: 'list', placeholder: 'K=V', help: 'label to put on it' };

export const selectorOption: OptionSpec = {
  kind: 'text',
  placeholder: 'K=V,...',
  help: 'only those that carry these labels',
};

export const pagingOptions = {
  limit: { kind: 'text', placeholder: 'N', help: 'how many at most, 1 to 1000; default: 100' },
  offset: { kind: 'text', placeholder: 'N', help: 'how many to skip; default: 0' },
} as const satisfies OptionSpecs;
