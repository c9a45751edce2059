import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { invalidArgument } from '../../compute/errors.js';
import type { Method as WireMethod } from '../../wire/method.js';
import type { MethodShape } from '../../wire/method-shape.js';
import type { Caller } from '../auth/principal.js';
import type { Method, Send } from '../rpc/call.js';

const decode = <I extends DescMessage>(method: WireMethod<I>, bytes: Buffer): MessageShape<I> => {
  try {
    return method.decodeRequest(bytes);
  } catch (error) {
    throw invalidArgument(messageOf(error), { reason: 'MalformedRequest', cause: error });
  }
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const shape = (method: MethodShape) => ({
  path: method.path,
  requestStream: method.requestStream,
  responseStream: method.responseStream,
});

/** One request, one answer. */
export const unary = <I extends DescMessage, O extends DescMessage>(
  method: WireMethod<I, O>,
  answer: (request: MessageShape<I>, caller: Caller) => Promise<MessageInitShape<O>> | MessageInitShape<O>,
): Method =>
  unaryBytes(method, async (request, caller) => method.encodeResponse(await answer(request, caller)));

/** The same, whose answer the handler encodes itself. */
export const unaryBytes = <I extends DescMessage>(
  method: WireMethod<I>,
  answer: (request: MessageShape<I>, caller: Caller) => Promise<Uint8Array>,
): Method => ({
  ...shape(method),
  handler: { kind: 'unary', handle: async (bytes, caller) => answer(decode(method, bytes), caller) },
});

/** One request, a stream of answers that the handler encodes itself. */
export const serverStream = <I extends DescMessage>(
  method: WireMethod<I>,
  answer: (request: MessageShape<I>, caller: Caller, send: Send) => Promise<void>,
): Method => ({
  ...shape(method),
  handler: {
    kind: 'server-stream',
    handle: async (bytes, caller, send) => answer(decode(method, bytes), caller, send),
  },
});

/** Streams both ways. */
export const bidi = <I extends DescMessage>(
  method: WireMethod<I>,
  answer: (requests: AsyncGenerator<MessageShape<I>>, caller: Caller, send: Send) => Promise<void>,
): Method => ({
  ...shape(method),
  handler: {
    kind: 'bidi',
    handle: async (requests, caller, send) => answer(decoded(method, requests), caller, send),
  },
});

async function* decoded<I extends DescMessage>(method: WireMethod<I>, requests: AsyncIterable<Buffer>) {
  for await (const bytes of requests) yield decode(method, bytes);
}

/** Refused with UNIMPLEMENTED. */
export const unimplemented = (method: MethodShape): Method => ({
  ...shape(method),
  handler: { kind: 'unimplemented' },
});
