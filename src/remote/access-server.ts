import type { PortConnection, SandboxAccess } from '../compute/driver.js';
import { Code, invalidArgument, OpenShellError } from '../compute/errors.js';
import type { SandboxRef } from '../compute/sandbox.js';
import { write } from '../kit/drain.js';
import type { ConnectInput, ExecInput } from '../wire/compute/index.js';
import { encodeAccessOutput, accessMethods as wire } from '../wire/compute/index.js';
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
      const { follow, tail } = request;
      const options = { follow, tail, sinceMs: Number(request.sinceMs), signal };
      for await (const line of access.logs(toRef(request), options)) {
        await send(wire.logs.encodeResponse({ ...line, timeMs: BigInt(line.timeMs) }));
      }
    }),
    bidi(wire.connect, (requests, { signal }, send) => connect(access, requests, send, signal)),
  ];
}

type WireRef = { readonly sandboxId: string; readonly sandboxName: string; readonly workspace: string };

function toRef({ sandboxId, sandboxName, workspace }: WireRef): SandboxRef {
  return { id: sandboxId, name: sandboxName, workspace };
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
    toRef(start),
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

  async function feed(): Promise<void> {
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
          throw invalidArgument('the command has already been started', { field: 'start' });
      }
    }
    stdin?.end();
  }

  try {
    await send(wire.exec.encodeResponse({ payload: { case: 'started', value: {} } }));
    feed().catch((error) => ended.abort(error));
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

/** Carries one connection to a port inside; an empty message reports that it is established. */
async function connect(
  access: SandboxAccess,
  requests: AsyncGenerator<ConnectInput>,
  send: Send,
  signal: AbortSignal,
): Promise<void> {
  const first = await requests.next();
  if (first.done === true || first.value.payload.case !== 'init') {
    throw invalidArgument('the first message must be init', { field: 'init' });
  }
  const { host, port } = first.value.payload.value;
  if (host !== '') {
    throw invalidArgument(`'${host}' is not the sandbox's own loopback address`, {
      field: 'init.host',
      hint: 'leave it out',
    });
  }
  if (port < 1 || port > 65_535) {
    throw invalidArgument(`${port} is not a TCP port`, { field: 'init.port' });
  }
  if (access.connect === undefined) {
    throw new OpenShellError(Code.UNIMPLEMENTED, 'this driver does not connect to ports');
  }
  const ended = new AbortController();
  const connection = await access.connect(toRef(first.value.payload.value), port, {
    signal: AbortSignal.any([signal, ended.signal]),
  });
  try {
    await send(wire.connect.encodeResponse({}));
    feedPort(connection, requests).catch((error) => ended.abort(error));
    for await (const data of connection.output) {
      await send(wire.connect.encodeResponse({ data }));
    }
  } catch (error) {
    ended.abort(error);
    throw error;
  }
}

async function feedPort({ input }: PortConnection, requests: AsyncGenerator<ConnectInput>): Promise<void> {
  input.on('error', () => {});
  for await (const { payload } of requests) {
    if (payload.case !== 'data') {
      throw invalidArgument('only data may follow init', { field: 'data' });
    }
    await write(input, payload.value);
  }
  input.end();
}
