import { methods } from '../../wire/v00/index.js';
import { deleteAndWait } from '../connection/delete-and-wait.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { timeoutFrom } from '../sandbox/wait.js';

export async function run({ args, env, out, signal, connect }: Context): Promise<number> {
  const timeoutMs = timeoutFrom(env, 'OPENSHELL_LIFECYCLE_TIMEOUT');
  const gateway = await connect();
  for (const name of new Set(args.positionals)) {
    await deleteAndWait({
      what: `workspace '${name}'`,
      see: `openshell workspace get ${name}`,
      remove: (options) => gateway.call(methods.deleteWorkspace, { name }, options),
      get: (options) => gateway.call(methods.getWorkspace, { name }, options),
      timeoutMs,
      signal,
    });
    await out.write(`workspace '${name}' deleted\n`);
  }
  return EXIT.ok;
}
