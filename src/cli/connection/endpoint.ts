import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Arguments } from '../../kit/arguments/parse.js';
import { usageError } from '../failure.js';
import { activeGateway, type RegisteredGateway, registeredGateway } from './registry.js';

const DEFAULT_URL = 'http://127.0.0.1:17670';
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/** PEM files of a TLS connection; undefined ones are not used. */
export interface TlsFiles {
  /** Undefined: the certificate authorities that Node trusts. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** False: any certificate is accepted. */
  readonly verify: boolean;
}

export interface Endpoint {
  /** As the user or the registry wrote it, for messages. */
  readonly url: string;
  /** `host:port`, as grpc-js takes it. */
  readonly target: string;
  /** Undefined for plaintext. */
  readonly tls: TlsFiles | undefined;
}

/**
 * Chooses the gateway: `--gateway-endpoint`, `--gateway`, their environment variables in the same order, the active
 * gateway of the registry, and finally the default on this machine. A registered gateway has its own certificates;
 * options and variables override each file.
 */
export async function resolveEndpoint(args: Arguments, env: NodeJS.ProcessEnv): Promise<Endpoint> {
  const { url, registered } = await chooseGateway(args, env);
  const { protocol, target } = readUrl(url);
  if (protocol === 'http:') {
    return { url, target, tls: undefined };
  }
  function file(option: string, variable: string, name: string) {
    return args.text(option) ?? (env[variable] || existing(registered, name));
  }

  const tls: TlsFiles = {
    ca: file('gateway-ca', 'OPENSHELL_GATEWAY_CA', 'ca.crt'),
    cert: file('gateway-cert', 'OPENSHELL_GATEWAY_CERT', 'tls.crt'),
    key: file('gateway-key', 'OPENSHELL_GATEWAY_KEY', 'tls.key'),
    verify: !args.flag('gateway-insecure') && !isOn(env.OPENSHELL_GATEWAY_INSECURE),
  };
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw usageError('a certificate and its key belong together', 'give --gateway-cert and --gateway-key');
  }
  return { url, target, tls };
}

async function chooseGateway(
  args: Arguments,
  env: NodeJS.ProcessEnv,
): Promise<{ url: string; registered?: RegisteredGateway }> {
  const url = args.text('gateway-endpoint');
  const name = args.text('gateway');
  if (url !== undefined && name !== undefined) {
    return { url, registered: await registeredGateway(name, env) };
  }
  if (url !== undefined) {
    return { url };
  }
  if (name === undefined && env.OPENSHELL_GATEWAY_ENDPOINT) {
    return { url: env.OPENSHELL_GATEWAY_ENDPOINT };
  }
  const chosen = name ?? (env.OPENSHELL_GATEWAY || (await activeGateway(env)));
  if (chosen === undefined) {
    return { url: DEFAULT_URL };
  }
  const registered = await registeredGateway(chosen, env);
  return { url: registered.url, registered };
}

function readUrl(text: string): { protocol: string; target: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !(url.protocol in DEFAULT_PORTS) || url.hostname === '') {
    throw usageError(
      `the gateway's endpoint '${text}' is not a valid URL`,
      'write http://HOST:PORT or https://HOST:PORT',
    );
  }
  if (url.pathname !== '/' || url.username !== '' || url.search !== '') {
    throw usageError(
      `the gateway's endpoint '${text}' has more than host and port`,
      `write ${url.protocol}//${url.host}`,
    );
  }
  return {
    protocol: url.protocol,
    target: `${url.hostname}:${url.port || (DEFAULT_PORTS[url.protocol] as string)}`,
  };
}

function existing(registered: RegisteredGateway | undefined, name: string): string | undefined {
  if (registered === undefined) {
    return undefined;
  }
  const path = join(registered.mtlsFolder, name);
  return existsSync(path) ? path : undefined;
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && ['1', 'true', 'yes', 'on'].includes(value.trim().toLowerCase());
}
