import { OpenShellError } from '../../compute/errors.js';
import { methods } from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { EXIT, exitCodeOf, failureLine, usageError } from '../failure.js';
import { deleteSandbox } from '../sandbox/delete.js';
import { nameOf } from '../sandbox/lookup.js';
import { timeoutFrom } from '../sandbox/wait.js';

const CONCURRENCY = 8;
const PAGE_SIZE = 1000;

/** Deletes several at a time; a failure is reported and does not stop the others. */
export async function run(context: Context): Promise<number> {
  const { args, env, workspace, signal } = context;
  const all = args.flag('all');
  if (all === args.positionals.length > 0) {
    throw usageError(
      all ? '--all and names contradict each other' : 'sandbox delete needs a NAME',
      'give names, or --all',
    );
  }
  const timeoutMs = timeoutFrom(env, 'OPENSHELL_LIFECYCLE_TIMEOUT');
  const gateway = await context.connect();
  const pending = all ? await allNames(gateway, context) : [...new Set(args.positionals)];
  if (pending.length === 0) {
    await context.note(`there are no sandboxes in workspace '${workspace}'`);
  }
  let exitCode: number = EXIT.ok;
  async function worker() {
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      try {
        await deleteSandbox(gateway, { name, workspace, timeoutMs, signal });
        await context.out.write(`sandbox '${name}' deleted\n`);
      } catch (error) {
        signal.throwIfAborted();
        const failure = OpenShellError.from(error);
        await context.note(failureLine(failure));
        exitCode = exitCodeOf(failure);
      }
    }
  }

  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return exitCode;
}

async function allNames(gateway: Gateway, { workspace, signal }: Context): Promise<string[]> {
  const names: string[] = [];
  for (;;) {
    const request = { workspace, limit: PAGE_SIZE, offset: names.length };
    const { sandboxes } = await gateway.call(methods.listSandboxes, request, { signal });
    names.push(...sandboxes.map(nameOf));
    // A page may have fewer rows than requested: large ones end it early.
    if (sandboxes.length === 0) {
      return names;
    }
  }
}
