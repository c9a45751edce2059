import type { CommandGroup, PositionalSpec } from './command.js';
import { labelOption, outputOption, pagingOptions, selectorOption } from './options.js';

const oneWorkspace: PositionalSpec = {
  name: 'NAME',
  required: true,
  repeated: false,
  completes: 'workspace',
};

export const workspaceCommands: CommandGroup = {
  name: 'workspace',
  aliases: [],
  summary: 'Make, list and remove workspaces',
  commands: [
    {
      name: 'create',
      summary: 'Make a workspace',
      options: { label: labelOption, output: outputOption },
      positional: { name: 'NAME', required: true, repeated: false },
      load: () => import('../commands/workspace-create.js'),
    },
    {
      name: 'list',
      summary: 'List workspaces',
      options: {
        ...pagingOptions,
        names: { kind: 'flag', help: 'print names only' },
        selector: selectorOption,
        output: outputOption,
      },
      load: () => import('../commands/workspace-list.js'),
    },
    {
      name: 'get',
      summary: 'Show a workspace',
      options: { output: outputOption },
      positional: oneWorkspace,
      load: () => import('../commands/workspace-get.js'),
    },
    {
      name: 'delete',
      summary: 'Remove workspaces that have no sandboxes, and wait until they are gone',
      options: {},
      positional: { ...oneWorkspace, repeated: true },
      load: () => import('../commands/workspace-delete.js'),
    },
  ],
};
