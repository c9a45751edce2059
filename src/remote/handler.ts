import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerWritableStream,
} from '@grpc/grpc-js';
import type { ComputeDriver } from '../compute/driver.js';
import { Code, invalidArgument, OpenShellError } from '../compute/errors.js';
import type { Logger } from '../compute/log.js';
import { withTrace } from '../compute/trace.js';
import { requestsOf } from '../rpc/server/requests.js';
import { toStatus } from '../rpc/status.js';
import { readTrace } from '../rpc/trace.js';
import type { Method } from '../wire/method.js';
import { TOKEN_KEY } from './token.js';

export interface ServerContext {
  readonly driver: ComputeDriver;
  readonly log: Logger;
  readonly closing: AbortSignal;
  readonly allowed: (token: unknown) => boolean;
}

interface AnyCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** Runs a handler with a signal that aborts when the client goes away or the server ends. */
const guarded = async <T>(
  context: ServerContext,
  call: AnyCall,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  if (!context.allowed(call.metadata.get(TOKEN_KEY)[0])) {
    throw new OpenShellError(
      Code.UNAUTHENTICATED,
      'this driver answers the gateway that started it, and no one else',
    );
  }
  const cut = new AbortController();
  const cancel = () => cut.abort(new OpenShellError(Code.CANCELLED, 'the gateway cancelled the call'));
  if (call.cancelled || context.closing.aborted) cancel();
  call.on('cancelled', cancel);
  context.closing.addEventListener('abort', cancel);
  try {
    return await withTrace(
      readTrace((name) => call.metadata.get(name)[0]?.toString()),
      () => run(cut.signal),
    );
  } finally {
    context.closing.removeEventListener('abort', cancel);
  }
};

export const decode = <I extends DescMessage>(method: Method<I>, bytes: Buffer): MessageShape<I> => {
  try {
    return method.decodeRequest(bytes);
  } catch (error) {
    throw invalidArgument(error instanceof Error ? error.message : String(error), {
      reason: 'MalformedRequest',
    });
  }
};

export const unary =
  <I extends DescMessage, O extends DescMessage>(
    context: ServerContext,
    method: Method<I, O>,
    answer: (request: MessageShape<I>, signal: AbortSignal) => Promise<MessageInitShape<O>>,
  ): handleUnaryCall<Buffer, Buffer> =>
  (call, callback) => {
    guarded(context, call, async (signal) =>
      method.encodeResponse(await answer(decode(method, call.request), signal)),
    ).then(
      (message) => callback(null, message),
      async (error) => callback(await toStatus(error)),
    );
  };

/** Hands a message to the client; waits while it reads slowly. */
export type Send = (bytes: Buffer) => Promise<void>;

const sender =
  (call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>): Send =>
  async (bytes) => {
    if (call.cancelled || call.destroyed)
      throw new OpenShellError(Code.CANCELLED, 'the gateway cancelled the call');
    if (call.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        for (const event of ['drain', 'cancelled', 'close']) call.off(event, done);
        resolve();
      };
      for (const event of ['drain', 'cancelled', 'close']) call.on(event, done);
    });
  };

export const serverStream =
  <I extends DescMessage>(
    context: ServerContext,
    method: Method<I>,
    answer: (request: MessageShape<I>, send: Send, signal: AbortSignal) => Promise<void>,
  ): handleServerStreamingCall<Buffer, Buffer> =>
  (call) => {
    call.on('error', () => {});
    guarded(context, call, (signal) => answer(decode(method, call.request), sender(call), signal)).then(
      () => call.end(),
      async (error) => call.emit('error', await toStatus(error)),
    );
  };

export const bidi =
  <I extends DescMessage>(
    context: ServerContext,
    method: Method<I>,
    answer: (requests: AsyncGenerator<MessageShape<I>>, send: Send, signal: AbortSignal) => Promise<void>,
  ): handleBidiStreamingCall<Buffer, Buffer> =>
  (call) => {
    call.on('error', () => {});
    const requests = async function* () {
      for await (const bytes of requestsOf(call)) yield decode(method, bytes);
    };
    guarded(context, call, (signal) => answer(requests(), sender(call), signal)).then(
      () => call.end(),
      async (error) => call.emit('error', await toStatus(error)),
    );
  };
