import type { CommandSpec } from './command.js';

const LOG_SOURCES = ['all', 'gateway', 'sandbox'] as const;
const LOG_FORMATS = ['text', 'json'] as const;
const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

export const logsCommand: CommandSpec = {
  name: 'logs',
  summary: "Show a sandbox's log",
  options: {
    lines: { kind: 'text', short: 'n', placeholder: 'N', help: 'how many lines from the end; default: 200' },
    tail: { kind: 'flag', help: 'stay and show new lines as they come' },
    since: { kind: 'text', placeholder: 'AGE', help: 'only lines younger than this, e.g. 30s, 5m, 2h, 1d' },
    source: {
      kind: 'text',
      placeholder: 'SOURCE',
      choices: LOG_SOURCES,
      help: "gateway: its events for the sandbox; sandbox: its command's output; default: all",
    },
    level: { kind: 'text', placeholder: 'LEVEL', choices: LOG_LEVELS, help: 'lines of this level and above' },
    output: {
      kind: 'text',
      short: 'o',
      placeholder: 'FORMAT',
      choices: LOG_FORMATS,
      help: 'text for people, json for programs: one object a line; default: text',
    },
  },
  positional: { name: 'NAME', required: true, repeated: false, completes: 'sandbox' },
  load: () => import('../commands/logs.js'),
};
