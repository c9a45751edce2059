import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { show } from '../output/show.js';
import { getSandbox } from '../sandbox/lookup.js';
import { sandboxView } from '../views/sandbox-view.js';

export async function run(context: Context): Promise<number> {
  const [name = ''] = context.args.positionals;
  await show(context, sandboxView(await getSandbox(await context.connect(), context, name)));
  return EXIT.ok;
}
