import { Code, OpenShellError } from '../compute/errors.js';
import { cutText } from '../kit/text.js';
import type { StatusDetails } from '../wire/errors/index.js';

/** What a status may take of the trailers in all: many clients refuse trailers of more than 8 KiB and never answer. */
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
  /** What it was made of, with its cause. */
  readonly error: OpenShellError;
}

/**
 * A thrown value as the status that a client gets, with its reason, field, hint and when to try again as details. The
 * one place that makes a status, for the gateway and for driver processes: whatever a caller's text is, the status can
 * be written. Causes stay here. Never rejects: when what encodes the details does not load, there are none.
 */
export async function toStatus(thrown: unknown): Promise<Status> {
  const error = asError(thrown);
  const { code } = error;
  const message = cutText(error.message, MESSAGE_BYTES);
  const errors = await import('../wire/errors/index.js').catch(() => undefined);
  if (errors === undefined) {
    return { code, details: message, trailers: {}, error };
  }
  for (const [details, told] of candidates(error, message)) {
    const encoded = Buffer.from(errors.encodeStatusDetails(told));
    if (trailerBytes(details) + base64Bytes(encoded) > STATUS_BYTES) {
      continue;
    }
    return { code, details, trailers: { [errors.STATUS_DETAILS]: encoded }, error };
  }
  return { code, details: cutText(message, MESSAGE_BYTES / 4), trailers: {}, error };
}

/** The message and the details beside it, each pair smaller than the one before. */
function candidates(error: OpenShellError, message: string): [string, StatusDetails][] {
  const { code, retryAfterMs } = error;
  const reason = cutText(error.reason ?? reasonOfCode(code), REASON_BYTES);
  const field = error.field && cutText(error.field, FIELD_BYTES);
  const hint = error.hint && cutText(error.hint, HINT_BYTES);
  const short = cutText(message, MESSAGE_BYTES / 4);
  return [
    [message, { code, message, reason, field, hint, retryAfterMs }],
    // The message stands beside the details, and the details say it twice.
    [message, { code, message: '', reason, field, hint, retryAfterMs }],
    [short, { code, message: '', reason, field, hint, retryAfterMs }],
    [short, { code, message: '', reason, retryAfterMs }],
  ];
}

/** As grpc-js writes a message into its trailer. */
function trailerBytes(details: string): number {
  return encodeURI(details).length;
}

function base64Bytes(bytes: Buffer): number {
  return Math.ceil(bytes.length / 3) * 4;
}

/** A thrown object need not have a text. */
function asError(thrown: unknown): OpenShellError {
  try {
    return OpenShellError.from(thrown);
  } catch {
    return new OpenShellError(Code.INTERNAL, 'something was thrown that has no text', { cause: thrown });
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
