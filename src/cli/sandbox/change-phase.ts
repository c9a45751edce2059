import type { CallOptions } from '../../rpc/client/contract.js';
import type { SandboxResponse } from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { createProgress } from '../terminal/progress.js';
import { present, sayMissing } from './lookup.js';
import { exitCodeOfMain } from './phase.js';
import { timeoutFrom, type WaitOptions, waitForPhase } from './wait.js';

interface PhaseChange {
  ask(
    gateway: Gateway,
    request: { name: string; workspace: string },
    options: CallOptions,
  ): Promise<SandboxResponse>;
  readonly until: WaitOptions['until'];
  /** Text of the progress display. */
  readonly doing: string;
  /** The state of the sandbox afterwards. */
  readonly done: string;
}

/** Stops or starts the sandbox that the command line names, and waits until it is. */
export async function changePhase(context: Context, change: PhaseChange): Promise<number> {
  const { args, env, workspace, verbose, signal } = context;
  const [name = ''] = args.positionals;
  const timeoutMs = timeoutFrom(env, 'OPENSHELL_LIFECYCLE_TIMEOUT');
  const gateway = await context.connect();
  const progress = createProgress({ terminal: process.stderr, env, verbose, first: change.doing });
  try {
    const request = { name, workspace };
    const { sandbox } = await sayMissing(request, change.ask(gateway, request, { timeoutMs, signal }));
    const changed = await waitForPhase({
      gateway,
      sandbox: present(sandbox),
      until: change.until,
      timeoutMs,
      extendedByProgress: false,
      progress,
      signal,
    });
    progress.stop();
    const code = exitCodeOfMain(changed);
    const word =
      code === undefined ? change.done : `${change.done}; its command has exited with code ${code}`;
    await context.out.write(`sandbox '${name}' is ${word}\n`);
    return EXIT.ok;
  } finally {
    progress.stop();
  }
}
