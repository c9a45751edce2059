import { methods } from '../../wire/v00/index.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';

export async function run({ args, out, signal, connect }: Context): Promise<number> {
  const gateway = await connect();
  for (const name of new Set(args.positionals)) {
    await gateway.call(methods.deleteWorkspace, { name }, { signal });
    await out.write(`workspace '${name}' deleted\n`);
  }
  return EXIT.ok;
}
