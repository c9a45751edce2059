import { Writable } from 'node:stream';
import type { PortConnection } from '../compute/driver.js';
import { OpenShellError } from '../compute/errors.js';
import type { SandboxRef } from '../compute/sandbox.js';
import type { RpcClient } from '../rpc/client/contract.js';
import { fromFailure } from '../rpc/failure.js';
import { accessMethods as wire } from '../wire/compute/index.js';
import { parts } from './parts.js';

/** A connection to a port inside a sandbox of a driver in another process. */
export async function connect(
  client: RpcClient,
  ref: SandboxRef,
  port: number,
  signal: AbortSignal,
): Promise<PortConnection> {
  const call = client.duplex(wire.connect, { signal });
  const frames = call.responses[Symbol.asyncIterator]();
  try {
    const value = { sandboxId: ref.id, sandboxName: ref.name, workspace: ref.workspace, port };
    await call.send({ payload: { case: 'init', value } });
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
  async function send(chunk: Buffer): Promise<void> {
    for (const value of parts(chunk)) {
      await call.send({ payload: { case: 'data', value } });
    }
  }

  const input = new Writable({
    write: (chunk: Buffer, _, done) => void send(chunk).then(() => done(), done),
    final(done) {
      call.end();
      done();
    },
  });
  return { output: output(), input };
}
