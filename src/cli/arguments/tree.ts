import type { CommandNode } from './command.js';
import { logsCommand } from './logs-command.js';
import { outputOption } from './options.js';
import { sandboxCommands } from './sandbox-commands.js';
import { workspaceCommands } from './workspace-commands.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Everything that `openshell` can be asked to do. Help and completions are made from it. */
export const COMMANDS: readonly CommandNode[] = [
  {
    name: 'status',
    summary: 'Show whether the gateway answers, its version and its drivers',
    options: { output: outputOption },
    load: () => import('../commands/status.js'),
  },
  {
    name: 'whoami',
    summary: 'Show who the gateway takes you for',
    options: { output: outputOption },
    load: () => import('../commands/whoami.js'),
  },
  sandboxCommands,
  logsCommand,
  workspaceCommands,
  {
    name: 'completions',
    summary: 'Print completions for a shell',
    options: {},
    positional: { name: 'SHELL', required: true, repeated: false, choices: SHELLS },
    notes: [
      'bash: source <(openshell completions bash)',
      'zsh:  source <(openshell completions zsh)',
      'fish: openshell completions fish | source',
    ],
    load: () => import('../commands/completions.js'),
  },
];
