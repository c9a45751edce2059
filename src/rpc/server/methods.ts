import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { invalidArgument } from '../../compute/errors.js';
import type { Method as WireMethod } from '../../wire/method.js';
import type { MethodShape } from '../../wire/method-shape.js';
import type { Method, Send } from './contract.js';

/** Creates methods from handlers that take messages, for a server that passes them a `Caller`. */
interface MethodKinds<Caller> {
  /** One request, one answer. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: WireMethod<I, O>,
    answer: (request: MessageShape<I>, caller: Caller) => Promise<MessageInitShape<O>> | MessageInitShape<O>,
  ): Method<Caller>;
  /** The same, whose answer the handler encodes itself. */
  unaryBytes<I extends DescMessage>(
    method: WireMethod<I>,
    answer: (request: MessageShape<I>, caller: Caller) => Promise<Uint8Array>,
  ): Method<Caller>;
  /** One request, a stream of answers that the handler encodes itself. */
  serverStream<I extends DescMessage>(
    method: WireMethod<I>,
    answer: (request: MessageShape<I>, caller: Caller, send: Send) => Promise<void>,
  ): Method<Caller>;
  /** Streams both ways. */
  bidi<I extends DescMessage>(
    method: WireMethod<I>,
    answer: (requests: AsyncGenerator<MessageShape<I>>, caller: Caller, send: Send) => Promise<void>,
  ): Method<Caller>;
  /** Refused with UNIMPLEMENTED. */
  unimplemented(method: MethodShape): Method<Caller>;
}

export function methodKinds<Caller>(): MethodKinds<Caller> {
  const kinds: MethodKinds<Caller> = {
    unary: (method, answer) =>
      kinds.unaryBytes(method, async (request, caller) =>
        method.encodeResponse(await answer(request, caller)),
      ),
    unaryBytes: (method, answer) => ({
      ...shape(method),
      handler: { kind: 'unary', handle: async (bytes, caller) => answer(decode(method, bytes), caller) },
    }),
    serverStream: (method, answer) => ({
      ...shape(method),
      handler: {
        kind: 'server-stream',
        handle: async (bytes, caller, send) => answer(decode(method, bytes), caller, send),
      },
    }),
    bidi: (method, answer) => ({
      ...shape(method),
      handler: {
        kind: 'bidi',
        handle: async (requests, caller, send) => answer(decoded(method, requests), caller, send),
      },
    }),
    unimplemented: (method) => ({ ...shape(method), handler: { kind: 'unimplemented' } }),
  };
  return kinds;
}

function shape({ path, requestStream, responseStream }: MethodShape) {
  return { path, requestStream, responseStream };
}

function decode<I extends DescMessage>(method: WireMethod<I>, bytes: Buffer): MessageShape<I> {
  try {
    return method.decodeRequest(bytes);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw invalidArgument(message, { reason: 'MalformedRequest', cause: error });
  }
}

async function* decoded<I extends DescMessage>(method: WireMethod<I>, requests: AsyncIterable<Buffer>) {
  for await (const bytes of requests) {
    yield decode(method, bytes);
  }
}
