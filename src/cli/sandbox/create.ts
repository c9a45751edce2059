import type { MessageInitShape } from '@bufbuild/protobuf';
import { lingering } from '../../kit/deadline.js';
import {
  type CreateSandboxRequestSchema,
  methods,
  type Sandbox,
  SandboxPhase,
} from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { createProgress } from '../terminal/progress.js';
import { discardSandbox } from './discard.js';
import { nameOf, present } from './lookup.js';
import { timeoutFrom, waitForPhase } from './wait.js';

const ANSWER_TIMEOUT_MS = 60_000;
/** After an interrupt: how long to wait for the name of the sandbox to delete. */
const LATE_ANSWER_MS = 10_000;

/**
 * Creates a sandbox and waits until it is ready. An interrupt deletes it; so does a failure with `--no-keep`. Otherwise
 * a failed sandbox is kept, so that its reason can be examined.
 */
export async function createSandbox(
  context: Context,
  gateway: Gateway,
  request: MessageInitShape<typeof CreateSandboxRequestSchema>,
): Promise<Sandbox> {
  const { args, env, verbose, note, signal } = context;
  const timeoutMs = timeoutFrom(env, 'OPENSHELL_PROVISION_TIMEOUT');
  const progress = createProgress({
    terminal: process.stderr,
    env,
    verbose,
    first: 'Requesting the sandbox',
  });
  function onInterrupt() {
    progress.stop();
    void note('interrupted; waiting for the name of the sandbox, to delete it');
  }

  let name: string | undefined;
  try {
    signal.addEventListener('abort', onInterrupt, { once: true });
    const answer = await lingering(signal, LATE_ANSWER_MS, (signal) =>
      gateway.call(methods.createSandbox, request, { timeoutMs: ANSWER_TIMEOUT_MS, signal }),
    );
    signal.removeEventListener('abort', onInterrupt);
    const sandbox = present(answer.sandbox);
    name = nameOf(sandbox);
    signal.throwIfAborted();
    progress.done(`Created sandbox ${name}`);
    const ready = await waitForPhase({
      gateway,
      sandbox,
      until: SandboxPhase.READY,
      timeoutMs,
      extendedByProgress: true,
      progress,
      signal,
    });
    signal.throwIfAborted();
    return ready;
  } catch (error) {
    progress.stop();
    if (name !== undefined && (signal.aborted || args.flag('no-keep'))) {
      await discardSandbox(context, gateway, name);
    }
    throw error;
  } finally {
    progress.stop();
  }
}
