import { Code, OpenShellError } from '../../compute/errors.js';
import { endExec } from '../../compute/exec-kill.js';
import { demultiplex } from '../engine/frames.js';
import type { ExecTarget } from './exec.js';

/** One look for the processes of an exec, or one signal to them. */
const ROUND_TIMEOUT_MS = 10_000;

/** Ends the processes that carry this mark. Never rejects: what could not be ended is logged. */
export const endMarkedProcesses = async (target: ExecTarget, mark: string, why: string): Promise<void> => {
  try {
    if (!(await target.hasShell())) throw new Error('the image has no /bin/sh to end it with');
    await endExec((argv) => runInContainer(target, argv), mark);
  } catch (error) {
    const fault = OpenShellError.from(error);
    // Nothing runs in a container that is stopped or gone.
    if (fault.code === Code.NOT_FOUND || fault.code === Code.FAILED_PRECONDITION) return;
    target.log.warn('an exec was left behind', { container: target.containerId, why, error: fault.message });
  }
};

const runInContainer = async ({ client, containerId }: ExecTarget, argv: string[]): Promise<string> => {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(new DOMException('no end', 'TimeoutError')), ROUND_TIMEOUT_MS);
  const { signal } = giveUp;
  try {
    const execId = await client.createExec(
      containerId,
      {
        Cmd: argv,
        Env: [],
        Tty: false,
        AttachStdin: false,
        AttachStdout: true,
        AttachStderr: true,
        DetachKeys: '',
      },
      { signal },
    );
    const { socket, head } = await client.startExec(execId, { tty: false, rows: 24, cols: 80 }, { signal });
    socket.on('error', () => {});
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    if (head.length > 0) socket.unshift(head);
    const parts: Buffer[] = [];
    for await (const { stream, data } of demultiplex(socket)) if (stream === 'stdout') parts.push(data);
    return Buffer.concat(parts).toString('utf8');
  } finally {
    clearTimeout(timer);
  }
};
