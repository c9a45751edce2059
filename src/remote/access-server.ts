import type { ExecSession, SandboxAccess } from '../compute/driver.js';
import { invalidArgument } from '../compute/errors.js';
import { write } from '../kit/drain.js';
import type { ExecInput } from '../wire/compute/index.js';
import { encodeAccessOutput, accessMethods as wire } from '../wire/compute/index.js';
import { connect } from './connect-server.js';
import { bidi, type Method, type Send, serverStream, unary } from './method.js';

/** openshell.access.v1.SandboxAccess over a driver's access. */
export function accessMethodsOf(access: SandboxAccess): Method[] {
  return [
    unary(wire.getAccessCapabilities, () => ({
      exec: true,
      execTty: true,
      logs: true,
      connect: access.connect !== undefined,
    })),
    bidi(wire.exec, (requests, { signal }, send) => exec(access, requests, send, signal)),
    serverStream(wire.logs, async (request, { signal }, send) => {
      const ref = { id: request.sandboxId, name: request.sandboxName, workspace: request.workspace };
      const { follow, tail } = request;
      for await (const line of access.logs(ref, { follow, tail, sinceMs: Number(request.sinceMs), signal })) {
        await send(wire.logs.encodeResponse({ ...line, timeMs: BigInt(line.timeMs) }));
      }
    }),
    bidi(wire.connect, (requests, { signal }, send) => connect(access, requests, send, signal)),
  ];
}

async function exec(
  access: SandboxAccess,
  requests: AsyncGenerator<ExecInput>,
  send: Send,
  signal: AbortSignal,
): Promise<void> {
  const first = await requests.next();
  if (first.done === true || first.value.payload.case !== 'start') {
    throw invalidArgument('the first message must be start', { field: 'start' });
  }
  const start = first.value.payload.value;
  const ended = new AbortController();
  const session = await access.exec(
    { id: start.sandboxId, name: start.sandboxName, workspace: start.workspace },
    {
      command: start.command,
      workdir: start.workdir,
      environment: { ...start.environment },
      tty: start.tty,
      size: start.cols > 0 && start.rows > 0 ? { cols: start.cols, rows: start.rows } : undefined,
      timeoutMs: Number(start.timeoutMs),
      stdin: start.stdin,
    },
    { signal: AbortSignal.any([signal, ended.signal]) },
  );
  session.exitCode.catch(() => {});
  try {
    await send(wire.exec.encodeResponse({ payload: { case: 'started', value: {} } }));
    feed(session, requests).catch((error) => ended.abort(error));
    for await (const { stream, data } of session.output) {
      await send(encodeAccessOutput(stream, data));
    }
    const code = await session.exitCode;
    await send(wire.exec.encodeResponse({ payload: { case: 'exit', value: { code } } }));
  } catch (error) {
    ended.abort(error);
    throw error;
  }
}

async function feed(session: ExecSession, requests: AsyncGenerator<ExecInput>): Promise<void> {
  const { stdin } = session;
  stdin?.on('error', () => {});
  for await (const { payload } of requests) {
    switch (payload.case) {
      case 'stdin':
        if (stdin !== undefined) {
          await write(stdin, payload.value);
        }
        break;
      case 'stdinEof':
        stdin?.end();
        break;
      case 'resize':
        await session.resize(payload.value);
        break;
      case 'start':
        throw invalidArgument('the command was started already', { field: 'start' });
    }
  }
  stdin?.end();
}
