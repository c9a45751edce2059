import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import type { Method } from './method.js';

/** A call with a stream of requests. `responses` may be read once; leaving the loop early ends the call. */
export interface DuplexCall<I extends DescMessage, O extends DescMessage> {
  readonly responses: AsyncIterable<MessageShape<O>>;
  /** Resolves when there is room for another message, or when the call is over. */
  send(message: MessageInitShape<I>): Promise<void>;
  /** The same for a message that is encoded already. */
  sendBytes(bytes: Buffer): Promise<void>;
  /** No more requests; the responses go on. */
  end(): void;
  cancel(): void;
}

export function duplexCall<I extends DescMessage, O extends DescMessage>(
  method: Method<I, O>,
  call: ClientDuplexStream<Buffer, MessageShape<O>>,
  signal: AbortSignal | undefined,
): DuplexCall<I, O> {
  let isOver = false;
  const over = new Promise<void>((resolve) => {
    call.on('status', () => {
      isOver = true;
      resolve();
    });
  });
  const sendBytes = async (bytes: Buffer): Promise<void> => {
    if (isOver || call.write(bytes)) return;
    await Promise.race([new Promise((resolve) => call.once('drain', resolve)), over]);
  };
  return {
    responses: responsesOf(call, signal),
    send: (message) => sendBytes(method.encodeRequest(message)),
    sendBytes,
    end: () => call.end(),
    cancel: () => cancelCall(call),
  };
}

/** The messages of a streaming call. A call that fails before anyone reads must not bring the process down. */
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
  } finally {
    call.cancel();
  }
}

function cancelCall(call: { cancel(): void }): void {
  call.cancel();
  // grpc-js still sends a call that is cancelled while it is being set up, and does not tell the server.
  setImmediate(() => call.cancel());
}

/** Returns what takes the listener off again. */
export function cancelOnAbort(call: { cancel(): void }, signal: AbortSignal | undefined): () => void {
  const cancel = () => cancelCall(call);
  if (signal?.aborted) cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  return () => signal?.removeEventListener('abort', cancel);
}
