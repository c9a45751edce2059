import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { ClientDuplexStream, ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { drained } from '../../kit/drain.js';
import { STATUS_DETAILS } from '../../wire/errors/index.js';
import type { Method } from '../../wire/method.js';
import { CallFailure } from '../call-failure.js';
import type { DuplexCall } from './contract.js';

export function duplexCall<I extends DescMessage, O extends DescMessage>(
  method: Method<I, O>,
  call: ClientDuplexStream<Buffer, MessageShape<O>>,
  signal: AbortSignal | undefined,
): DuplexCall<I, O> {
  let isOver = false;
  call.on('status', () => {
    isOver = true;
  });
  async function sendBytes(bytes: Buffer): Promise<void> {
    if (!isOver && !call.write(bytes)) {
      await drained(call, ['status']);
    }
  }

  return {
    responses: responsesOf(call, signal),
    send: (message) => sendBytes(method.encodeRequest(message)),
    sendBytes,
    end: () => call.end(),
    cancel: () => cancelCall(call),
  };
}

/** The messages of a streaming call. A call that fails before anyone reads must not crash the process. */
export function responsesOf<T>(
  call: ClientReadableStream<T> | ClientDuplexStream<Buffer, T>,
  signal: AbortSignal | undefined,
): AsyncIterable<T> {
  call.on('error', () => {});
  call.on('status', cancelOnAbort(call, signal));
  return readAll(call);
}

async function* readAll<T>(call: ClientReadableStream<T> | ClientDuplexStream<Buffer, T>): AsyncGenerator<T> {
  try {
    yield* call as AsyncIterable<T>;
  } catch (error) {
    throw failed(error);
  } finally {
    call.cancel();
  }
}

function cancelCall(call: { cancel(): void }): void {
  call.cancel();
  // grpc-js still sends a call that is cancelled while it is being set up, and does not tell the server.
  setImmediate(() => call.cancel());
}

/** Returns a function that removes the listener. */
export function cancelOnAbort(call: { cancel(): void }, signal: AbortSignal | undefined): () => void {
  function cancel() {
    return cancelCall(call);
  }

  if (signal?.aborted) {
    cancel();
  }
  signal?.addEventListener('abort', cancel, { once: true });
  return () => signal?.removeEventListener('abort', cancel);
}

/** An error of grpc-js as a CallFailure; anything else, such as a decoding error, unchanged. */
export function failed(thrown: unknown): unknown {
  if (!isServiceError(thrown)) {
    return thrown;
  }
  const trailer = thrown.metadata?.get(STATUS_DETAILS)[0];
  return new CallFailure(thrown.code, thrown.details, Buffer.isBuffer(trailer) ? trailer : undefined);
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'details' in thrown;
}
