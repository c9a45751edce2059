import { Writable } from 'node:stream';
import type {
  ExecChunk,
  ExecSession,
  ExecSpec,
  LogLine,
  PortConnection,
  SandboxAccess,
} from '../compute/driver.js';
import { Code, OpenShellError, unavailable } from '../compute/errors.js';
import type { SandboxRef } from '../compute/sandbox.js';
import { createDeferred } from '../kit/deferred.js';
import type { RpcClient } from '../rpc/client/contract.js';
import { fromFailure } from '../rpc/failure.js';
import { encodeAccessStdin, accessMethods as wire } from '../wire/compute/index.js';

/** Access to the sandboxes of a driver in another process; undefined when it serves none. */
export async function connectAccess(
  client: RpcClient,
  signal: AbortSignal,
): Promise<SandboxAccess | undefined> {
  try {
    const served = await client.unary(wire.getAccessCapabilities, {}, { signal });
    const access: SandboxAccess = {
      exec: (ref, spec, options) => exec(client, ref, spec, options.signal),
      logs: (ref, options) => logs(client, ref, options),
    };
    return served.connect
      ? { ...access, connect: (ref, port, options) => connect(client, ref, port, options.signal) }
      : access;
  } catch (thrown) {
    const error = fromFailure(thrown, signal);
    if (error instanceof OpenShellError && error.code === Code.UNIMPLEMENTED) {
      return undefined;
    }
    throw error;
  }
}

function wireRef({ id, name, workspace }: SandboxRef) {
  return { sandboxId: id, sandboxName: name, workspace };
}

async function* logs(
  client: RpcClient,
  ref: SandboxRef,
  { follow, tail, sinceMs, signal }: Parameters<SandboxAccess['logs']>[1],
): AsyncGenerator<LogLine> {
  const range = { follow, sinceMs: BigInt(sinceMs), ...(tail === undefined ? {} : { tail }) };
  try {
    for await (const line of client.serverStream(wire.logs, { ...wireRef(ref), ...range }, { signal })) {
      const stream = line.stream === 'stderr' ? 'stderr' : 'stdout';
      yield { timeMs: Number(line.timeMs), stream, message: line.message };
    }
  } catch (error) {
    // Aborting a follow is not an error.
    if (signal.aborted) {
      return;
    }
    throw fromFailure(error, signal);
  }
}

async function exec(
  client: RpcClient,
  ref: SandboxRef,
  spec: ExecSpec,
  signal: AbortSignal,
): Promise<ExecSession> {
  const call = client.duplex(wire.exec, { signal });
  const frames = call.responses[Symbol.asyncIterator]();
  try {
    await call.send({
      payload: {
        case: 'start',
        value: {
          ...wireRef(ref),
          command: [...spec.command],
          workdir: spec.workdir,
          environment: { ...spec.environment },
          tty: spec.tty,
          cols: spec.size?.cols ?? 0,
          rows: spec.size?.rows ?? 0,
          timeoutMs: BigInt(spec.timeoutMs),
          stdin: spec.stdin,
        },
      },
    });
    await frames.next();
  } catch (error) {
    call.cancel();
    throw OpenShellError.from(fromFailure(error, signal));
  }

  const exitCode = createDeferred<number>();
  const output = async function* (): AsyncGenerator<ExecChunk> {
    try {
      for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
        const { payload } = next.value;
        if (payload.case === 'stdout' || payload.case === 'stderr') {
          yield { stream: payload.case, data: payload.value };
        } else if (payload.case === 'exit') {
          exitCode.resolve(payload.value.code);
        }
      }
      exitCode.reject(
        unavailable('the driver ended the command without an exit code', { reason: 'ExecLost' }),
      );
    } catch (thrown) {
      const error = OpenShellError.from(fromFailure(thrown, signal));
      exitCode.reject(error);
      throw error;
    } finally {
      call.cancel();
      exitCode.reject(new OpenShellError(Code.CANCELLED, 'the output was not read to its end'));
    }
  };

  return {
    output: output(),
    stdin: spec.stdin
      ? new Writable({
          write: chunkWriter((part) => call.sendBytes(encodeAccessStdin(part))),
          final: (done) => void call.sendBytes(STDIN_EOF).then(() => done(), done),
        })
      : undefined,
    resize: (size) => call.send({ payload: { case: 'resize', value: { ...size } } }),
    exitCode: exitCode.promise,
  };
}

const STDIN_EOF = wire.exec.encodeRequest({ payload: { case: 'stdinEof', value: {} } });

/** A connection to a port inside a sandbox. */
async function connect(
  client: RpcClient,
  ref: SandboxRef,
  port: number,
  signal: AbortSignal,
): Promise<PortConnection> {
  const call = client.duplex(wire.connect, { signal });
  const frames = call.responses[Symbol.asyncIterator]();
  try {
    await call.send({ payload: { case: 'init', value: { ...wireRef(ref), port } } });
    await frames.next();
  } catch (error) {
    call.cancel();
    throw OpenShellError.from(fromFailure(error, signal));
  }

  const output = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
        yield next.value.data;
      }
    } catch (error) {
      throw fromFailure(error, signal);
    } finally {
      call.cancel();
    }
  };
  const input = new Writable({
    write: chunkWriter((value) => call.send({ payload: { case: 'data', value } })),
    final(done) {
      call.end();
      done();
    },
  });
  return { output: output(), input };
}

const PART_BYTES = 256 * 1024;

/** A stream's `write` that sends each chunk in parts: messages have a size limit, chunks have none. */
function chunkWriter(send: (part: Buffer) => Promise<void>) {
  async function sendAll(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at += PART_BYTES) {
      await send(chunk.subarray(at, at + PART_BYTES));
    }
  }

  return (chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void) =>
    void sendAll(chunk).then(() => done(), done);
}
