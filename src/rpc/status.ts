import { Code, OpenShellError } from '../compute/errors.js';
import { cutText } from '../kit/text.js';
import type { StatusDetails } from '../wire/errors/index.js';

/** The size of a status in the trailers: many clients reject trailers above 8 KiB and then hang. */
const STATUS_BYTES = 4096;
const MESSAGE_BYTES = 1024;
const HINT_BYTES = 512;
const FIELD_BYTES = 256;
const REASON_BYTES = 64;

export interface Status {
  readonly code: Code;
  /** The status's message. */
  readonly details: string;
  /** By name, not encoded. */
  readonly trailers: Readonly<Record<string, Buffer>>;
  /** The error it was created from, with its cause. */
  readonly error: OpenShellError;
}

/**
 * A thrown value as the status that a client receives, with reason, field, hint and retry delay as details. The one
 * place that creates a status, for the gateway and for driver processes: it is valid whatever text a caller sends.
 * Causes are not sent. Never rejects: without the code that encodes details there are none.
 */
export async function toStatus(thrown: unknown): Promise<Status> {
  const error = asError(thrown);
  const { code } = error;
  const message = cutText(error.message, MESSAGE_BYTES);
  const errors = await import('../wire/errors/index.js').catch(() => undefined);
  if (errors === undefined) {
    return { code, details: message, trailers: {}, error };
  }
  for (const [details, candidate] of candidates(error, message)) {
    const encoded = Buffer.from(errors.encodeStatusDetails(candidate));
    if (trailerBytes(details) + base64Bytes(encoded) > STATUS_BYTES) {
      continue;
    }
    return { code, details, trailers: { [errors.STATUS_DETAILS]: encoded }, error };
  }
  return { code, details: cutText(message, MESSAGE_BYTES / 4), trailers: {}, error };
}

/** Pairs of a message and details, each smaller than the one before. */
function candidates(error: OpenShellError, message: string): [string, StatusDetails][] {
  const { code, retryAfterMs } = error;
  const reason = cutText(error.reason ?? reasonOfCode(code), REASON_BYTES);
  const field = error.field && cutText(error.field, FIELD_BYTES);
  const hint = error.hint && cutText(error.hint, HINT_BYTES);
  const short = cutText(message, MESSAGE_BYTES / 4);
  return [
    [message, { code, message, reason, field, hint, retryAfterMs }],
    // The details need not repeat the message.
    [message, { code, message: '', reason, field, hint, retryAfterMs }],
    [short, { code, message: '', reason, field, hint, retryAfterMs }],
    [short, { code, message: '', reason, retryAfterMs }],
  ];
}

/** The size of a message as grpc-js writes it into its trailer. */
function trailerBytes(details: string): number {
  return encodeURI(details).length;
}

function base64Bytes(bytes: Buffer): number {
  return Math.ceil(bytes.length / 3) * 4;
}

/** A thrown object may not even convert to text. */
function asError(thrown: unknown): OpenShellError {
  try {
    return OpenShellError.from(thrown);
  } catch {
    return new OpenShellError(Code.INTERNAL, 'a value without a text was thrown', { cause: thrown });
  }
}

/** The reason of an error without one of its own: its code as a CamelCase word, such as `InvalidArgument`. */
export function reasonOfCode(code: Code): string {
  return CODE_NAME.get(code) ?? 'Unknown';
}

const CODE_NAME: ReadonlyMap<Code, string> = new Map(
  Object.entries(Code).map(([name, code]) => [
    code,
    name.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  ]),
);
