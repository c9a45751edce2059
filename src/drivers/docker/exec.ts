import type { Socket } from 'node:net';
import type { TerminalSize } from '../../compute/driver.js';
import { Code } from '../../compute/errors.js';
import { delay } from '../../kit/deadline.js';
import type { ExecApi } from '../container/engine.js';
import type { DockerClient } from './api/client.js';

/** A sequence that nobody types: the engine's default would take Ctrl-P and Ctrl-Q away from programs. */
const DETACH_KEYS = 'ctrl-@,ctrl-_,ctrl-@,ctrl-_,ctrl-@';
/** The engine takes a size only once the process runs, which is a moment after the start's answer. */
const FIRST_SIZE_ATTEMPTS = 40;
const FIRST_SIZE_EVERY_MS = 25;

export function createExecApi(client: DockerClient): ExecApi {
  function execOf(execId: string) {
    return client.docker.getExec(execId);
  }

  function inspect(execId: string) {
    return client.call('look at an exec', (abortSignal) => execOf(execId).inspect({ abortSignal }));
  }

  function resize(execId: string, { cols, rows }: TerminalSize): Promise<void> {
    return client.call('resize of a terminal', (abortSignal) =>
      execOf(execId).resize({ w: cols, h: rows, abortSignal }),
    );
  }

  async function firstSize(execId: string, size: TerminalSize): Promise<void> {
    for (let attempt = 0; attempt < FIRST_SIZE_ATTEMPTS; attempt++) {
      const isDone = await resize(execId, size).then(
        () => true,
        () => false,
      );
      if (isDone) {
        return;
      }
      const { Running, ExitCode } = await inspect(execId);
      if (!Running && ExitCode !== null) {
        return;
      }
      await delay(FIRST_SIZE_EVERY_MS);
    }
  }

  return {
    create: (containerId, command, { signal }) =>
      client.call(
        'exec',
        async (abortSignal) => {
          const exec = await client.docker.getContainer(containerId).exec({
            Cmd: [...command.argv],
            Env: Object.entries(command.environment).map(([name, value]) => `${name}=${value}`),
            ...(command.workdir !== '' && { WorkingDir: command.workdir }),
            Tty: command.tty,
            // Heeded since Docker 23; `firstSize` is for the engines before.
            ...(command.size !== undefined && { ConsoleSize: [command.size.rows, command.size.cols] }),
            AttachStdin: command.stdin,
            AttachStdout: true,
            AttachStderr: true,
            DetachKeys: DETACH_KEYS,
            abortSignal,
          });
          return exec.id;
        },
        { signal },
      ),
    // Not cut short: what has started is ended by its mark.
    async attach(execId, { tty, stdin, size }) {
      const socket = await client.call(
        'start of an exec',
        async () => (await execOf(execId).start({ hijack: true, stdin, Tty: tty })) as unknown as Socket,
      );
      // Whoever reads the connection sees its end; an error event without a listener would end the process.
      socket.on('error', () => {});
      if (tty && size !== undefined) {
        await firstSize(execId, size);
      }
      return socket;
    },
    inspect,
    resize,
    neverRan: ({ Pid, ExitCode }) => Pid === 0 && ExitCode !== 0,
    isNotRunning: ({ code, message }) =>
      code === Code.FAILED_PRECONDITION && /not running|is paused/i.test(message),
  };
}
