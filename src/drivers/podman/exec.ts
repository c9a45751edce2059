import type { TerminalSize } from '../../compute/driver.js';
import { deadline } from '../../kit/deadline.js';
import type { ExecApi } from '../container/engine.js';
import type { PodmanClient } from './api/client.js';

const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };
/** Podman's exit codes for a command that its runtime could not start. */
const NOT_STARTED_EXIT_CODES = new Set([125, 126, 127]);
/** For questions about an exec that runs, when the caller's own signal no longer counts. */
const LOOK_TIMEOUT_MS = 10_000;

export function createExecApi(client: PodmanClient, workspacePath: string): ExecApi {
  function soon() {
    return { signal: deadline(LOOK_TIMEOUT_MS) };
  }

  return {
    create: (containerId, command, options) =>
      client.createExec(
        containerId,
        {
          Cmd: command.argv,
          Env: Object.entries(command.environment).map(([name, value]) => `${name}=${value}`),
          WorkingDir: command.workdir || workspacePath,
          Tty: command.tty,
          AttachStdin: command.stdin,
          AttachStdout: true,
          AttachStderr: true,
          DetachKeys: '',
        },
        options,
      ),
    async attach(execId, { tty, size = DEFAULT_SIZE }, options) {
      const { socket, head } = await client.startExec(execId, { tty, ...size }, options);
      // Whoever reads the connection sees its end; an error event without a listener would end the process.
      socket.on('error', () => {});
      if (head.length > 0) {
        socket.unshift(head);
      }
      return socket;
    },
    inspect: (execId) => client.inspectExec(execId, soon()),
    resize: (execId, { rows, cols }) => client.resizeExec(execId, rows, cols, soon()),
    // Podman forgets the process number of a command that is over, so its own message must be in the output.
    neverRan: ({ ExitCode }, refused) => refused && NOT_STARTED_EXIT_CODES.has(ExitCode ?? 0),
    isNotRunning: ({ message }) =>
      /container state improper|can only create exec sessions on running containers|is not running/i.test(
        message,
      ),
  };
}
