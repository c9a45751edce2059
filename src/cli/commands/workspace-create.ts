import { methods } from '../../wire/v00/index.js';
import { readPairs } from '../arguments/values.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { show } from '../output/show.js';
import { presentWorkspace, workspaceView } from '../views/workspace-view.js';

export async function run(context: Context): Promise<number> {
  const { args, signal } = context;
  const [name = ''] = args.positionals;
  const labels = readPairs('--label', args.list('label'));
  const gateway = await context.connect();
  const { workspace } = await gateway.call(methods.createWorkspace, { name, labels }, { signal });
  await show(context, {
    ...workspaceView(presentWorkspace(workspace)),
    table: () => `workspace '${name}' created\n`,
  });
  return EXIT.ok;
}
