import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { rawServiceDefinition } from '../../../dist/rpc/server/definition.js';
import { encodeStatusDetails, STATUS_DETAILS } from '../../../dist/wire/errors/index.js';
import type { Method } from '../../../dist/wire/method.js';
import { methods, rpcs } from '../../../dist/wire/v00/index.js';

type Methods = typeof methods;
type Input<K extends keyof Methods> =
  Methods[K] extends Method<infer I, DescMessage> ? MessageShape<I> : never;
type Answer<K extends keyof Methods> =
  Methods[K] extends Method<DescMessage, infer O> ? MessageInitShape<O> : never;

/** Refuses a call with a gRPC status. */
export class Refusal extends Error {
  readonly code: number;
  readonly details: string;
  readonly metadata = new Metadata();
  /** `rich`: what the gateway says beyond code and message. */
  constructor(code: number, details: string, rich?: { reason: string; field?: string; hint?: string }) {
    super(details);
    this.code = code;
    this.details = details;
    if (rich === undefined) {
      return;
    }
    const bytes = encodeStatusDetails({ code, message: details, ...rich });
    this.metadata.set(STATUS_DETAILS, Buffer.from(bytes));
  }
}

/** The server's end of a stream. */
export interface Stream<K extends keyof Methods> {
  send(message: Answer<K>): void;
  /** Frames of the client after the first; ends when the client half-closes, throws when it cancels. */
  readonly frames: AsyncIterable<Input<K>>;
  readonly cancelled: Promise<void>;
}

type UnaryName = Exclude<keyof Methods, StreamName>;
type StreamName = 'watchSandbox' | 'execSandbox' | 'execSandboxInteractive';

/** What the gateway does: an answer to each unary call, a running conversation for each stream. */
export type Behaviour = {
  [K in UnaryName]?: (request: Input<K>) => Answer<K> | Promise<Answer<K>>;
} & {
  [K in StreamName]?: (request: Input<K>, stream: Stream<K>) => Promise<void>;
};

export interface FakeGateway {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** Names of the calls that came, in order. */
  readonly calls: readonly string[];
  /** May be changed while it runs. What is not there answers UNIMPLEMENTED. */
  readonly behaviour: Behaviour;
  close(): Promise<void>;
}

/** A gRPC server on a free port of loopback whose every answer the test decides. */
export async function startFakeGateway(
  behaviour: Behaviour,
  credentials = ServerCredentials.createInsecure(),
): Promise<FakeGateway> {
  const server = new Server();
  const calls: string[] = [];
  const handlers = Object.entries(methods).map(([key, method]): [string, UntypedHandleCall] => [
    method.name,
    handler(key as keyof Methods, method as unknown as Method, behaviour, calls),
  ]);
  server.addService(rawServiceDefinition(rpcs), Object.fromEntries(handlers));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  return {
    address: `127.0.0.1:${port}`,
    calls,
    behaviour,
    close: async () => server.forceShutdown(),
  };
}

type StreamCall = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;
type AnyHandler = (request: unknown, stream?: unknown) => Promise<unknown>;

function handler(
  key: keyof Methods,
  method: Method,
  behaviour: Behaviour,
  calls: string[],
): UntypedHandleCall {
  const act = async (request: unknown, stream?: unknown) => {
    calls.push(method.name);
    const chosen = behaviour[key] as AnyHandler | undefined;
    if (chosen === undefined) {
      throw new Refusal(12, `${method.name} is not implemented`);
    }
    return chosen(request, stream);
  };
  if (!method.responseStream) {
    return (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
      act(method.decodeRequest(call.request)).then(
        (answer) => callback(null, method.encodeResponse(answer as MessageInitShape<DescMessage>)),
        (error) => callback(error),
      );
    };
  }
  return method.requestStream
    ? (call: ServerDuplexStream<Buffer, Buffer>) => void converse(call, method, act)
    : (call: ServerWritableStream<Buffer, Buffer>) =>
        void finish(call, act(method.decodeRequest(call.request), streamOf(call, method, noFrames())));
}

async function converse(
  call: ServerDuplexStream<Buffer, Buffer>,
  method: Method,
  act: AnyHandler,
): Promise<void> {
  const frames = decoded(call, method);
  const first = await frames.next();
  await finish(call, act(first.value, streamOf(call, method, frames)));
}

async function finish(call: StreamCall, work: Promise<unknown>): Promise<void> {
  try {
    await work;
    call.end();
  } catch (error) {
    if (!call.cancelled) {
      call.emit('error', error);
    }
  }
}

function streamOf(call: StreamCall, method: Method, frames: AsyncIterable<unknown>) {
  return {
    send: (message: MessageInitShape<DescMessage>) => call.write(method.encodeResponse(message)),
    frames,
    cancelled: new Promise<void>((resolve) => call.once('cancelled', resolve)),
  };
}

async function* decoded(call: ServerDuplexStream<Buffer, Buffer>, method: Method): AsyncGenerator<unknown> {
  // The end of the requests must not end the call: it has an answer to send yet.
  for await (const bytes of call.iterator({ destroyOnReturn: false })) {
    yield method.decodeRequest(bytes);
  }
}

async function* noFrames(): AsyncGenerator<unknown> {}
