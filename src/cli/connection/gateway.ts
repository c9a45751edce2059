import { readFile } from 'node:fs/promises';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { failedPrecondition } from '../../compute/errors.js';
import { readFailure } from '../../kit/read-failure.js';
import { createRpcClient } from '../../rpc/client/client.js';
import type { CallOptions, ClientTls, DuplexCall } from '../../rpc/client/contract.js';
import type { Method } from '../../wire/method.js';
import type { Endpoint, TlsFiles } from './endpoint.js';
import { fromGrpc } from './grpc-failure.js';

/** gRPC's own limit of 4 MiB is less than a thousand sandboxes can take in one answer. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** One open connection. Its calls throw OpenShellError; streams without a deadline end with their signal. */
export interface Gateway {
  readonly endpoint: Endpoint;
  call<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions,
  ): Promise<MessageShape<O>>;
  stream<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions,
  ): AsyncIterable<MessageShape<O>>;
  duplex<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    options: CallOptions,
  ): DuplexCall<I, O>;
  close(): void;
}

export async function openGateway(endpoint: Endpoint): Promise<Gateway> {
  const tls = await readTls(endpoint.tls);
  const client = createRpcClient(endpoint.target, {
    ...(tls && { tls }),
    keepalive: { everyMs: 10_000, timeoutMs: 20_000 },
    maxAnswerBytes: MAX_ANSWER_BYTES,
  });
  return {
    endpoint,
    call: async (method, request, options) => {
      try {
        return await client.unary(method, request, options);
      } catch (error) {
        throw fromGrpc(error, endpoint);
      }
    },
    stream: (method, request, options) => translated(client.serverStream(method, request, options), endpoint),
    duplex: (method, options) => {
      const call = client.duplex(method, options);
      return { ...call, responses: translated(call.responses, endpoint) };
    },
    close: () => client.close(),
  };
}

async function* translated<T>(messages: AsyncIterable<T>, endpoint: Endpoint): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw fromGrpc(error, endpoint);
  }
}

async function readTls(tls: TlsFiles | undefined): Promise<ClientTls | undefined> {
  if (tls === undefined) return undefined;
  const [ca, key, cert] = await Promise.all([tls.ca, tls.key, tls.cert].map(readPem));
  return { ca, key, cert, verify: tls.verify };
}

async function readPem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    throw failedPrecondition(`cannot read ${path}: ${readFailure(error)}`, {
      hint: 'check --gateway-ca, --gateway-cert and --gateway-key',
    });
  }
}
