import { randomUUID } from 'node:crypto';
import type { CallOptions, ExecSession, ExecSpec, TerminalSize } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { EXEC_MARK_VARIABLE } from '../container-exec/exec-kill.js';
import type { ExecApi } from './engine.js';
import { type ExecContainer, endProcesses, requireEnd, type StartAside } from './exec-end.js';
import { createExecSession } from './exec-session.js';

/**
 * Runs a command as SandboxAccess.exec describes it. Engines report only at its end that a program or working directory
 * does not exist: then `exitCode` rejects with INVALID_ARGUMENT. Codes 126 and 127 are the command's own.
 */
export async function startExec(
  api: ExecApi,
  container: ExecContainer,
  spec: ExecSpec,
  { signal }: CallOptions,
): Promise<ExecSession> {
  const { containerId, log } = container;
  const mark = randomUUID();
  const command = {
    argv: spec.command,
    environment: { ...spec.environment, [EXEC_MARK_VARIABLE]: mark },
    workdir: spec.workdir,
    tty: spec.tty,
    stdin: spec.stdin,
    size: spec.size,
  };
  const [execId] = await Promise.all([
    api.create(containerId, command, { signal }),
    spec.timeoutMs > 0 ? requireEnd(container) : undefined,
  ]);
  signal.throwIfAborted();
  const socket = await api.attach(execId, command, { signal });

  async function pid() {
    const { Running, Pid } = await api.inspect(execId);
    return Running ? Pid : 0;
  }

  return createExecSession({
    socket,
    spec,
    signal,
    inspect: () => api.inspect(execId),
    neverRan: api.neverRan,
    end: (why) => endProcesses(container, startAside(api, containerId), { mark, pid, why }),
    resize: (size) => resize(api, execId, size),
    log: log.child({ container: containerId.slice(0, 12), exec: execId.slice(0, 12) }),
  });
}

function startAside(api: ExecApi, containerId: string): StartAside {
  return async (argv, signal) => {
    const command = { argv, environment: {}, workdir: '', tty: false, stdin: false, size: undefined };
    return api.attach(await api.create(containerId, command, { signal }), command, { signal });
  };
}

async function resize(api: ExecApi, execId: string, size: TerminalSize): Promise<void> {
  try {
    await api.resize(execId, size);
  } catch (error) {
    // A command that has ended by now has no terminal to resize.
    if (OpenShellError.from(error).code === Code.UNAVAILABLE) {
      throw error;
    }
  }
}
