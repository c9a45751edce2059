import { Code, OpenShellError } from '../../compute/errors.js';
import { endExec } from '../../compute/exec-kill.js';
import { demultiplex } from '../engine/frames.js';
import { type ExecTarget, startAttached } from './exec.js';

/** One look for the processes of an exec, or one signal to them. */
const ROUND_TIMEOUT_MS = 10_000;

/** Ends the processes that carry this mark. Never rejects: what could not be ended is logged. */
export const endMarkedProcesses = async (target: ExecTarget, mark: string, why: string): Promise<void> => {
  try {
    if (!(await target.hasShell())) throw new Error('the image has no /bin/sh to end it with');
    await endExec((argv) => runInContainer(target, argv), mark);
  } catch (error) {
    const known = OpenShellError.from(error);
    // Nothing runs in a container that is stopped or gone.
    if (known.code === Code.NOT_FOUND || known.code === Code.FAILED_PRECONDITION) return;
    target.log.warn('an exec was left behind', { container: target.containerId, why, error: known.message });
  }
};

const runInContainer = async ({ engine, containerId }: ExecTarget, argv: string[]): Promise<string> => {
  const exec = await engine.call('exec', (abortSignal) =>
    engine.docker
      .getContainer(containerId)
      .exec({ Cmd: argv, AttachStdout: true, AttachStderr: true, abortSignal }),
  );
  const socket = await startAttached(engine, exec, false, false);
  const timer = setTimeout(() => socket.destroy(), ROUND_TIMEOUT_MS);
  try {
    const parts: Buffer[] = [];
    for await (const { stream, data } of demultiplex(socket)) if (stream === 'stdout') parts.push(data);
    return Buffer.concat(parts).toString('utf8');
  } finally {
    clearTimeout(timer);
  }
};
