import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { invalidArgument } from '../../compute/errors.js';
import type { Method as WireMethod } from '../../wire/method.js';
import type { MethodShape } from '../../wire/method-shape.js';
import type { CallContext, Method, Send, Subject } from './contract.js';

/** Makes methods of handlers that take messages, for a server whose authenticator finds a `User`. */
export interface MethodKinds<User extends Subject> {
  /** One request, one answer. */
  unary<I extends DescMessage, O extends DescMessage>(
    method: WireMethod<I, O>,
    answer: (
      request: MessageShape<I>,
      context: CallContext<User>,
    ) => Promise<MessageInitShape<O>> | MessageInitShape<O>,
  ): Method<User>;
  /** The same, whose answer the handler encodes itself. */
  unaryBytes<I extends DescMessage>(
    method: WireMethod<I>,
    answer: (request: MessageShape<I>, context: CallContext<User>) => Promise<Uint8Array>,
  ): Method<User>;
  /** One request, a stream of answers that the handler encodes itself. */
  serverStream<I extends DescMessage>(
    method: WireMethod<I>,
    answer: (request: MessageShape<I>, context: CallContext<User>, send: Send) => Promise<void>,
  ): Method<User>;
  /** Streams both ways. */
  bidi<I extends DescMessage>(
    method: WireMethod<I>,
    answer: (
      requests: AsyncGenerator<MessageShape<I>>,
      context: CallContext<User>,
      send: Send,
    ) => Promise<void>,
  ): Method<User>;
  /** Refused with UNIMPLEMENTED. */
  unimplemented(method: MethodShape): Method<User>;
}

export function methodKinds<User extends Subject>(): MethodKinds<User> {
  const kinds: MethodKinds<User> = {
    unary: (method, answer) =>
      kinds.unaryBytes(method, async (request, context) =>
        method.encodeResponse(await answer(request, context)),
      ),
    unaryBytes: (method, answer) => ({
      ...shape(method),
      handler: { kind: 'unary', handle: async (bytes, context) => answer(decode(method, bytes), context) },
    }),
    serverStream: (method, answer) => ({
      ...shape(method),
      handler: {
        kind: 'server-stream',
        handle: async (bytes, context, send) => answer(decode(method, bytes), context, send),
      },
    }),
    bidi: (method, answer) => ({
      ...shape(method),
      handler: {
        kind: 'bidi',
        handle: async (requests, context, send) => answer(decoded(method, requests), context, send),
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
  for await (const bytes of requests) yield decode(method, bytes);
}
