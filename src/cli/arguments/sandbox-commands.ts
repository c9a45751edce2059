import type { CommandGroup, CommandSpec, OptionSpecs, PositionalSpec } from './command.js';
import { envOption, labelOption, outputOption, pagingOptions, selectorOption } from './options.js';

const oneSandbox: PositionalSpec = { name: 'NAME', required: true, repeated: false, completes: 'sandbox' };

const ttyOptions = {
  tty: { kind: 'flag', help: 'give the command a terminal' },
  'no-tty': { kind: 'flag', help: 'give the command no terminal; the default' },
} as const satisfies OptionSpecs;

const createCommand: CommandSpec = {
  name: 'create',
  summary: 'Make a sandbox and wait until it is ready',
  options: {
    name: { kind: 'text', placeholder: 'NAME', help: 'its name; default: two words picked by the gateway' },
    from: { kind: 'text', placeholder: 'IMAGE', help: "image to run; default: the gateway's default image" },
    'no-keep': { kind: 'flag', help: 'delete the sandbox when its command, or the shell in it, has ended' },
    gpu: {
      kind: 'optional',
      placeholder: 'N',
      help: 'GPUs to give it; without a number: one, or what it has',
    },
    cpu: { kind: 'text', placeholder: 'QUANTITY', help: 'CPU limit, e.g. 500m or 2' },
    memory: { kind: 'text', placeholder: 'QUANTITY', help: 'memory limit, e.g. 512Mi or 4Gi' },
    'driver-config-json': {
      kind: 'text',
      placeholder: 'JSON',
      help: 'settings of a driver, e.g. {"docker":{"mounts":[]}}',
    },
    driver: { kind: 'text', placeholder: 'NAME', help: 'compute driver; default: the first of the gateway' },
    label: labelOption,
    annotation: { kind: 'list', placeholder: 'K=V', help: 'annotation to put on it' },
    env: envOption,
    ...ttyOptions,
    detach: { kind: 'flag', help: 'do not open a shell in it' },
    output: outputOption,
  },
  trailing: { name: 'COMMAND...', required: false },
  notes: [
    'COMMAND is the main process of the sandbox; without one the sandbox idles.',
    'Without COMMAND and --detach, on a terminal, a shell is opened in the sandbox once it is ready.',
    'With --no-keep and COMMAND, its output is shown and its exit code returned.',
    'Ctrl-C deletes the sandbox again. OPENSHELL_PROVISION_TIMEOUT: seconds to wait without progress (300).',
  ],
  load: () => import('../commands/sandbox-create.js'),
};

const execCommand: CommandSpec = {
  name: 'exec',
  summary: 'Run a command in a sandbox',
  options: {
    name: { kind: 'text', short: 'n', placeholder: 'NAME', completes: 'sandbox', help: 'the sandbox' },
    workdir: { kind: 'text', placeholder: 'DIR', help: 'directory to run in; default: its workspace path' },
    timeout: { kind: 'text', placeholder: 'SECONDS', help: 'end the command after this, with code 124' },
    ...ttyOptions,
    env: envOption,
  },
  trailing: { name: 'COMMAND...', required: true },
  notes: [
    "Answers the command's own exit code. A pipe or file on stdin is sent to it; a terminal only with --tty.",
  ],
  load: () => import('../commands/sandbox-exec.js'),
};

export const sandboxCommands: CommandGroup = {
  name: 'sandbox',
  aliases: ['sb'],
  summary: 'Make sandboxes, use them and remove them',
  commands: [
    createCommand,
    {
      name: 'list',
      summary: 'List sandboxes',
      options: {
        ...pagingOptions,
        ids: { kind: 'flag', help: 'print ids only' },
        names: { kind: 'flag', help: 'print names only' },
        selector: selectorOption,
        'all-workspaces': { kind: 'flag', help: 'those of every workspace' },
        output: outputOption,
      },
      load: () => import('../commands/sandbox-list.js'),
    },
    {
      name: 'get',
      summary: 'Show a sandbox',
      options: { output: outputOption },
      positional: oneSandbox,
      load: () => import('../commands/sandbox-get.js'),
    },
    {
      name: 'delete',
      summary: 'Remove sandboxes and wait until they are gone',
      options: { all: { kind: 'flag', help: 'all sandboxes of the workspace' } },
      positional: { ...oneSandbox, required: false, repeated: true },
      load: () => import('../commands/sandbox-delete.js'),
    },
    {
      name: 'stop',
      summary: 'Stop a sandbox, keeping its workspace path',
      options: {},
      positional: oneSandbox,
      notes: ['OPENSHELL_LIFECYCLE_TIMEOUT: seconds to wait (300).'],
      load: () => import('../commands/sandbox-stop.js'),
    },
    {
      name: 'start',
      summary: 'Start a stopped sandbox',
      options: {},
      positional: oneSandbox,
      notes: ['OPENSHELL_LIFECYCLE_TIMEOUT: seconds to wait (300).'],
      load: () => import('../commands/sandbox-start.js'),
    },
    execCommand,
    {
      name: 'connect',
      summary: 'Open a shell in a sandbox',
      options: {},
      positional: oneSandbox,
      notes: ["bash when the sandbox has it, otherwise sh. Answers the shell's exit code."],
      load: () => import('../commands/sandbox-connect.js'),
    },
  ],
};
