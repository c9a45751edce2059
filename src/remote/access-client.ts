import { Writable } from 'node:stream';
import type { ExecChunk, ExecSession, ExecSpec, LogLine, SandboxAccess } from '../compute/driver.js';
import { Code, OpenShellError, unavailable } from '../compute/errors.js';
import type { SandboxRef } from '../compute/sandbox.js';
import type { RpcClient } from '../rpc/client/contract.js';
import { fromFailure } from '../rpc/failure.js';
import { encodeAccessStdin, accessMethods as wire } from '../wire/compute/index.js';
import { connect as connectPort } from './connect-client.js';
import { parts } from './parts.js';

/** Access to the sandboxes of a driver in another process; undefined when it serves none. */
export async function connectAccess(
  client: RpcClient,
  signal: AbortSignal,
): Promise<SandboxAccess | undefined> {
  try {
    const { connect } = await client.unary(wire.getAccessCapabilities, {}, { signal });
    const access = createAccess(client);
    if (!connect) {
      return access;
    }
    return { ...access, connect: (ref, port, options) => connectPort(client, ref, port, options.signal) };
  } catch (thrown) {
    const error = fromFailure(thrown, signal);
    if (error instanceof OpenShellError && error.code === Code.UNIMPLEMENTED) {
      return undefined;
    }
    throw error;
  }
}

function createAccess(client: RpcClient): SandboxAccess {
  return {
    exec: (ref, spec, { signal }) => exec(client, ref, spec, signal),
    async *logs(ref, { follow, tail, sinceMs, signal }): AsyncGenerator<LogLine> {
      const request = {
        sandboxId: ref.id,
        sandboxName: ref.name,
        workspace: ref.workspace,
        follow,
        sinceMs: BigInt(sinceMs),
        ...(tail === undefined ? {} : { tail }),
      };
      try {
        for await (const line of client.serverStream(wire.logs, request, { signal })) {
          const stream = line.stream === 'stderr' ? 'stderr' : 'stdout';
          yield { timeMs: Number(line.timeMs), stream, message: line.message };
        }
      } catch (error) {
        // Who follows and has heard enough is told of no error.
        if (signal.aborted) {
          return;
        }
        throw fromFailure(error, signal);
      }
    },
  };
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
          sandboxId: ref.id,
          sandboxName: ref.name,
          workspace: ref.workspace,
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

  let settle: (code: number) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const exitCode = new Promise<number>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  exitCode.catch(() => {});

  const output = async function* (): AsyncGenerator<ExecChunk> {
    let ended = false;
    try {
      for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
        const { payload } = next.value;
        if (payload.case === 'stdout' || payload.case === 'stderr') {
          yield { stream: payload.case, data: payload.value };
        } else if (payload.case === 'exit') {
          ended = true;
          settle(payload.value.code);
        }
      }
      if (!ended) {
        fail(unavailable('the driver ended the command without an exit code', { reason: 'ExecLost' }));
      }
    } catch (thrown) {
      const error = OpenShellError.from(fromFailure(thrown, signal));
      fail(error);
      throw error;
    } finally {
      call.cancel();
      if (!ended) {
        fail(new OpenShellError(Code.CANCELLED, 'the output was given up before its end'));
      }
    }
  };

  return {
    output: output(),
    stdin: spec.stdin ? stdinOf(call) : undefined,
    resize: (size) => call.send({ payload: { case: 'resize', value: { ...size } } }),
    exitCode,
  };
}

async function sendParts(call: ReturnType<RpcClient['duplex']>, chunk: Buffer): Promise<void> {
  for (const part of parts(chunk)) {
    await call.sendBytes(encodeAccessStdin(part));
  }
}

function stdinOf(call: ReturnType<RpcClient['duplex']>): Writable {
  return new Writable({
    write(chunk: Buffer, _, done) {
      sendParts(call, chunk).then(() => done(), done);
    },
    final(done) {
      call.sendBytes(STDIN_EOF).then(() => done(), done);
    },
  });
}

const STDIN_EOF = wire.exec.encodeRequest({ payload: { case: 'stdinEof', value: {} } });
