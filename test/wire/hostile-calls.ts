import type { DescMessage } from '@bufbuild/protobuf';
import type { Client, ClientReadableStream, Metadata, ServiceError } from '@grpc/grpc-js';
import fc from 'fast-check';
import type { Method } from '../../dist/wire/method.js';
import type { MethodShape } from '../../dist/wire/method-shape.js';
import { arbitraryMessage } from './arbitrary-message.js';

/** One call as it goes out: whose method, and the bytes of its first message. */
export interface HostileCall {
  readonly method: MethodShape;
  readonly bytes: Buffer;
}

export interface Outcome {
  /** 0: an answer, or the first message of a stream. */
  readonly code: number;
  readonly ms: number;
  /** What the status takes of the trailers. */
  readonly statusBytes: number;
}

type Below = (below: number) => number;

const LONGEST = 1_000_000;

/** Text that is awkward to cut, to encode, to log or to keep. */
function hostileText(below: Below, known: readonly string[]): string {
  const shift = 'a'.repeat(below(4));
  const length = below(40) === 0 ? LONGEST : below(400);
  switch (below(9)) {
    case 0:
      return '';
    case 1:
      return shift + '\u{1F600}'.repeat(length / 4);
    case 2:
      return shift + String.fromCharCode(below(32)).repeat(length / 2);
    case 3:
      return shift + 'é\u{10FFFF}'.repeat(length / 6);
    case 4:
      return shift + '%'.repeat(length);
    case 5:
      // Half a pair: the encoder has to put something in its place.
      return shift + '\ud83d'.repeat(length / 3);
    case 6:
      return Array.from({ length: 1 + below(24) }, () => String.fromCharCode(below(0x10000))).join('');
    case 7:
      return `${shift}=${shift},/..:${'\u202e'.repeat(below(5))}`;
    default:
      return known[below(known.length)] ?? '';
  }
}

function withHostileText(value: unknown, below: Below, known: readonly string[]): unknown {
  if (typeof value === 'string') {
    return below(4) === 0 ? value : hostileText(below, known);
  }
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) {
    return value;
  }
  if (Array.isArray(value)) {
    return value.map((item) => withHostileText(item, below, known));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) =>
      // Which member a oneof has is no text of the caller.
      key === 'case' ? [key, item] : [key, withHostileText(item, below, known)],
    ),
  );
}

const SAMPLES = 60;
/** Less the frame, and more than any message that grpc-js lets pass. */
const MOST = 1024 * 1024 + 64;

/**
 * Calls of every method with a message that is generated, full of hostile text and now and then damaged. Methods
 * without a schema get random bytes. `known` are names that exist.
 */
export function hostileCalls(
  methods: readonly (MethodShape & Partial<Method>)[],
  known: readonly string[],
  below: Below,
): () => HostileCall {
  const samples = new Map<object, unknown[]>();
  const messageOf = (schema: DescMessage): object => {
    const left = samples.get(schema) ?? [];
    if (left.length === 0) {
      left.push(...fc.sample(arbitraryMessage(schema), { numRuns: SAMPLES, seed: below(2 ** 31) }));
    }
    samples.set(schema, left);
    return left.pop() as object;
  };
  const encode = ({ input, encodeRequest }: MethodShape & Partial<Method>): Buffer => {
    if (input === undefined || encodeRequest === undefined || below(20) === 0) {
      return Buffer.from(Array.from({ length: below(60) }, () => below(256)));
    }
    try {
      return encodeRequest(withHostileText(messageOf(input), below, known) as never);
    } catch {
      // A map's keys may not hold everything.
      return encodeRequest({} as never);
    }
  };
  return () => {
    const method = methods[below(methods.length)] as MethodShape & Partial<Method>;
    const bytes = encode(method).subarray(0, MOST);
    if (bytes.length > 0 && below(8) === 0) {
      bytes[below(bytes.length)] = below(256);
    }
    return { method, bytes };
  };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** Makes one call; a stream is left after its first message. Rejects when nothing comes within `timeoutMs`. */
export function make(
  client: Client,
  { method, bytes }: HostileCall,
  metadata: Metadata,
  timeoutMs: number,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const late = setTimeout(() => {
      reject(new Error(`${method.path} was not answered: ${bytes.subarray(0, 200).toString('base64')}`));
      call.cancel();
    }, timeoutMs);
    const done = (code: number, statusBytes: number) => {
      clearTimeout(late);
      resolve({ code, ms: performance.now() - startedAt, statusBytes });
    };
    const failed = (error: ServiceError) => done(error.code, statusBytes(error));
    const callback = (error: ServiceError | null) => (error === null ? done(0, 0) : failed(error));
    const args = [method.path, asIs, asIs] as const;
    const read = <C extends ClientReadableStream<Buffer>>(stream: C): C => {
      stream.on('error', failed);
      stream.once('data', () => {
        done(0, 0);
        stream.cancel();
      });
      stream.once('end', () => done(0, 0));
      return stream;
    };
    const start = () => {
      if (!method.requestStream && !method.responseStream) {
        return client.makeUnaryRequest(...args, bytes, metadata, callback);
      }
      if (!method.requestStream) {
        return read(client.makeServerStreamRequest(...args, bytes, metadata));
      }
      const stream = method.responseStream
        ? read(client.makeBidiStreamRequest(...args, metadata))
        : client.makeClientStreamRequest(...args, metadata, callback);
      stream.write(bytes);
      stream.end();
      return stream;
    };
    const call = start();
  });
}

function statusBytes({ details, metadata }: ServiceError): number {
  return (
    encodeURI(details).length +
    Math.ceil(
      (metadata?.get('grpc-status-details-bin') ?? []).reduce((sum, value) => sum + value.length, 0) / 3,
    ) *
      4
  );
}

/** Makes `count` calls, `atOnce` at a time, and gives each outcome to `check`. */
export async function makeAll(
  count: number,
  atOnce: number,
  makeOne: () => Promise<Outcome>,
  check: (outcome: Outcome) => void,
): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      try {
        check(await makeOne());
      } catch (error) {
        left = 0;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
