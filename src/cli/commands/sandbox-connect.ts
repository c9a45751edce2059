import type { Context } from '../context.js';
import { usageError } from '../failure.js';
import { getSandbox } from '../sandbox/lookup.js';
import { requireReady } from '../sandbox/phase.js';
import { openShell } from '../sandbox/shell.js';

export async function run(context: Context): Promise<number> {
  const [name = ''] = context.args.positionals;
  if (!context.stdin.isTTY) {
    throw usageError('sandbox connect needs a terminal', `openshell sandbox exec -n ${name} -- COMMAND`);
  }
  const gateway = await context.connect();
  const sandbox = await getSandbox(gateway, context, name);
  requireReady(sandbox);
  return openShell(context, gateway, sandbox);
}
