import { readFile } from 'node:fs/promises';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { failedPrecondition } from '../../compute/errors.js';
import { readFailure } from '../../kit/read-failure.js';
import type {
  CallOptions,
  ClientTls,
  DuplexCall,
  RpcClient,
  UnaryMethod,
} from '../../rpc/client/contract.js';
import { createUnaryClient } from '../../rpc/unary/client.js';
import { fullClientReason } from '../../rpc/unary/full-client-reason.js';
import type { Method } from '../../wire/method.js';
import type { Endpoint, TlsFiles } from './endpoint.js';

/** A response with a thousand sandboxes can exceed gRPC's limit of 4 MiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** One open connection. Its calls throw OpenShellError; streams without a deadline end with their signal. */
export interface Gateway {
  readonly endpoint: Endpoint;
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Response>;
  stream<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions,
  ): AsyncIterable<MessageShape<O>>;
  duplex<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    options: CallOptions,
  ): Promise<DuplexCall<I, O>>;
  close(): void;
}

/**
 * Unary calls use the light client. The full one, which takes longer to load than a call takes, is opened for the first
 * stream, or at once if the environment requires it.
 */
export async function openGateway(endpoint: Endpoint, env: NodeJS.ProcessEnv): Promise<Gateway> {
  const { target } = endpoint;
  const tls = await readTls(endpoint.tls);
  const options = {
    ...(tls && { tls }),
    keepalive: { everyMs: 10_000, timeoutMs: 20_000 },
    maxAnswerBytes: MAX_ANSWER_BYTES,
  };
  let opened: Promise<RpcClient> | undefined;
  function full(): Promise<RpcClient> {
    opened ??= import('../../rpc/client/client.js').then(({ createRpcClient }) =>
      createRpcClient(target, options),
    );
    return opened;
  }

  const unary =
    fullClientReason(target, tls, env) === undefined
      ? await createUnaryClient(target, options)
      : await full();
  return {
    endpoint,
    call: async (method, request, options) => {
      try {
        return await unary.unary(method, request, options);
      } catch (error) {
        throw await shown(error, endpoint);
      }
    },
    stream: (method, request, options) =>
      translated(async () => (await full()).serverStream(method, request, options), endpoint),
    duplex: async (method, options) => {
      const call = (await full()).duplex(method, options);
      return { ...call, responses: translated(async () => call.responses, endpoint) };
    },
    close() {
      unary.close();
      opened?.then((client) => client.close()).catch(() => {});
    },
  };
}

async function* translated<T>(open: () => Promise<AsyncIterable<T>>, endpoint: Endpoint): AsyncGenerator<T> {
  try {
    yield* await open();
  } catch (error) {
    throw await shown(error, endpoint);
  }
}

/** Loads the code for failures only when there is one. */
async function shown(error: unknown, endpoint: Endpoint): Promise<Error> {
  const { fromGrpc } = await import('./grpc-failure.js');
  return fromGrpc(error, endpoint);
}

async function readTls(tls: TlsFiles | undefined): Promise<ClientTls | undefined> {
  if (tls === undefined) {
    return undefined;
  }
  const [ca, key, cert] = await Promise.all([tls.ca, tls.key, tls.cert].map(readPem));
  return { ca, key, cert, verify: tls.verify };
}

async function readPem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) {
    return undefined;
  }
  try {
    return await readFile(path);
  } catch (error) {
    throw failedPrecondition(`cannot read ${path}: ${readFailure(error)}`, {
      hint: 'check --gateway-ca, --gateway-cert and --gateway-key',
    });
  }
}
