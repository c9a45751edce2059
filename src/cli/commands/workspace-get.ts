import { methods } from '../../wire/v00/index.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { show } from '../output/show.js';
import { presentWorkspace, workspaceView } from '../views/workspace-view.js';

export async function run(context: Context): Promise<number> {
  const [name = ''] = context.args.positionals;
  const gateway = await context.connect();
  const { workspace } = await gateway.call(methods.getWorkspace, { name }, { signal: context.signal });
  await show(context, workspaceView(presentWorkspace(workspace)));
  return EXIT.ok;
}
