import type { PortConnection, SandboxAccess } from '../compute/driver.js';
import { Code, invalidArgument, OpenShellError } from '../compute/errors.js';
import { write } from '../kit/drain.js';
import type { ConnectInput } from '../wire/compute/index.js';
import { accessMethods as wire } from '../wire/compute/index.js';
import type { Send } from './method.js';

/** Carries one connection to a port inside; an empty message says that it stands. */
export async function connect(
  access: SandboxAccess,
  requests: AsyncGenerator<ConnectInput>,
  send: Send,
  signal: AbortSignal,
): Promise<void> {
  const first = await requests.next();
  if (first.done === true || first.value.payload.case !== 'init') {
    throw invalidArgument('the first message must be init', { field: 'init' });
  }
  const { sandboxId: id, sandboxName: name, workspace, host, port } = first.value.payload.value;
  if (host !== '') {
    throw invalidArgument(`'${host}' is not the sandbox's own loopback address`, {
      field: 'init.host',
      hint: 'leave it out',
    });
  }
  if (port < 1 || port > 65_535) {
    throw invalidArgument(`${port} is no TCP port`, { field: 'init.port' });
  }
  if (access.connect === undefined) {
    throw new OpenShellError(Code.UNIMPLEMENTED, 'this driver connects to no ports');
  }
  const ended = new AbortController();
  const connection = await access.connect({ id, name, workspace }, port, {
    signal: AbortSignal.any([signal, ended.signal]),
  });
  try {
    await send(wire.connect.encodeResponse({}));
    feed(connection, requests).catch((error) => ended.abort(error));
    for await (const data of connection.output) {
      await send(wire.connect.encodeResponse({ data }));
    }
  } catch (error) {
    ended.abort(error);
    throw error;
  }
}

async function feed({ input }: PortConnection, requests: AsyncGenerator<ConnectInput>): Promise<void> {
  input.on('error', () => {});
  for await (const { payload } of requests) {
    if (payload.case !== 'data') {
      throw invalidArgument('only data may follow init', { field: 'data' });
    }
    await write(input, payload.value);
  }
  input.end();
}
