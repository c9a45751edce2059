import type { Readable } from 'node:stream';
import { heedDeadline } from '../../compute/deadline.js';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import { endExec } from '../../compute/exec-kill.js';
import type { Logger } from '../../compute/log.js';
import { demultiplex } from './frames.js';

/** A container in which commands run and may have to be ended. */
export interface ExecContainer {
  readonly containerId: string;
  /** Whether the container has a /bin/sh, without which nothing can be ended. */
  readonly hasShell: () => Promise<boolean>;
  readonly log: Logger;
}

/** Starts a command beside the others, without a terminal or stdin; gives the connection with its framed output. */
export type StartAside = (argv: readonly string[], signal: AbortSignal) => Promise<Readable>;

/** One look for the processes of an exec, or one signal to them. */
const ROUND_TIMEOUT_MS = 10_000;

/** FAILED_PRECONDITION when a command in this container could not be ended at its timeout. */
export const requireShell = async ({ hasShell }: ExecContainer): Promise<void> => {
  if (await hasShell()) return;
  throw failedPrecondition('a timeout needs a /bin/sh in the image, and this one has none', {
    field: 'timeout_seconds',
    hint: 'run the command without a timeout, or use an image with a shell',
  });
};

/** Ends the processes that carry this mark. Never rejects: what could not be ended is logged. */
export const endMarkedProcesses = async (
  { containerId, hasShell, log }: ExecContainer,
  startAside: StartAside,
  mark: string,
  why: string,
): Promise<void> => {
  try {
    if (!(await hasShell())) throw new Error('the image has no /bin/sh to end it with');
    await endExec((argv) => outputOf(startAside, argv), mark);
  } catch (error) {
    const known = OpenShellError.from(error);
    // Nothing runs in a container that is stopped or gone.
    if (known.code === Code.NOT_FOUND || known.code === Code.FAILED_PRECONDITION) return;
    log.warn('an exec was left behind', { container: containerId, why, error: known.message });
  }
};

const outputOf = (startAside: StartAside, argv: readonly string[]): Promise<string> =>
  heedDeadline(ROUND_TIMEOUT_MS, undefined, async (signal) => {
    const connection = await startAside(argv, signal);
    const cut = () => connection.destroy(signal.reason);
    if (signal.aborted) cut();
    signal.addEventListener('abort', cut, { once: true });
    const parts: Buffer[] = [];
    for await (const { stream, data } of demultiplex(connection)) if (stream === 'stdout') parts.push(data);
    return Buffer.concat(parts).toString('utf8');
  });
