import { methods } from '../../wire/v00/index.js';
import { readPage } from '../arguments/values.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { printable } from '../output/printable.js';
import { show } from '../output/show.js';
import { workspaceListView } from '../views/workspace-view.js';

export async function run(context: Context): Promise<number> {
  const { args, out, signal } = context;
  const request = { ...readPage(args), labelSelector: args.text('selector') ?? '' };
  const gateway = await context.connect();
  const { workspaces } = await gateway.call(methods.listWorkspaces, request, { signal });
  if (!args.flag('names')) {
    await show(context, workspaceListView(workspaces));
  } else {
    await out.write(workspaces.map(({ metadata }) => `${printable(metadata?.name ?? '')}\n`).join(''));
  }
  return EXIT.ok;
}
