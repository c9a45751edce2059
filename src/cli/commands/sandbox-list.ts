import { methods } from '../../wire/v00/index.js';
import { readPage } from '../arguments/values.js';
import type { Context } from '../context.js';
import { EXIT, usageError } from '../failure.js';
import { printable } from '../output/printable.js';
import { show } from '../output/show.js';
import { idOf, nameOf } from '../sandbox/lookup.js';
import { sandboxListView } from '../views/sandbox-view.js';

export async function run(context: Context): Promise<number> {
  const { args, workspace, signal } = context;
  const allWorkspaces = args.flag('all-workspaces');
  if (allWorkspaces && args.text('workspace') !== undefined) {
    throw usageError('--all-workspaces and --workspace contradict each other');
  }
  if (args.flag('ids') && args.flag('names')) {
    throw usageError('--ids and --names contradict each other');
  }
  const request = {
    ...readPage(args),
    labelSelector: args.text('selector') ?? '',
    workspace: allWorkspaces ? '' : workspace,
    allWorkspaces,
  };
  const gateway = await context.connect();
  const { sandboxes } = await gateway.call(methods.listSandboxes, request, { signal });
  const only = args.flag('ids') ? idOf : args.flag('names') ? nameOf : undefined;
  if (only === undefined) {
    await show(context, sandboxListView(sandboxes, allWorkspaces));
  } else {
    await context.out.write(sandboxes.map((sandbox) => `${printable(only(sandbox))}\n`).join(''));
  }
  return EXIT.ok;
}
