import { readFile } from 'node:fs/promises';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { failedPrecondition } from '../../compute/errors.js';
import { readFailure } from '../../kit/read-failure.js';
import { type CallOptions, createWireClient } from '../../wire/client.js';
import type { DuplexCall } from '../../wire/client-streams.js';
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
  const client = createWireClient(endpoint.target, await channelCredentials(endpoint.tls), {
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
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

async function channelCredentials(tls: TlsFiles | undefined): Promise<ChannelCredentials> {
  if (tls === undefined) return credentials.createInsecure();
  const [ca, key, cert] = await Promise.all([tls.ca, tls.key, tls.cert].map(readPem));
  const options = tls.verify ? {} : { rejectUnauthorized: false, checkServerIdentity: () => undefined };
  return credentials.createSsl(ca, key, cert, options);
}

async function readPem(path: string | undefined): Promise<Buffer | null> {
  if (path === undefined) return null;
  try {
    return await readFile(path);
  } catch (error) {
    throw failedPrecondition(`cannot read ${path}: ${readFailure(error)}`, {
      hint: 'check --gateway-ca, --gateway-cert and --gateway-key',
    });
  }
}
