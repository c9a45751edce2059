import type { ForeignReason, Reason } from './reasons.js';

/** The closed set of codes an operation can fail with. The values are gRPC's canonical status numbers. */
export const Code = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type Code = (typeof Code)[keyof typeof Code];

export interface OpenShellErrorOptions {
  /**
   * A stable word for programs from the table in reasons.ts, e.g. `ImagePullFailed`. It becomes the reason of a
   * sandbox's condition when the error ends the sandbox. Default: none.
   */
  reason?: Reason | ForeignReason | undefined;
  /** The request field at fault, dotted, e.g. `spec.template.image`. Default: none. */
  field?: string;
  /** One sentence that says what to do. Default: none. */
  hint?: string;
  /** When the same call may succeed, where waiting helps. Default: 1 s for UNAVAILABLE, 100 ms for ABORTED. */
  retryAfterMs?: number;
  /** What caused it. Logged at debug level, never sent to a client. */
  cause?: unknown;
}

const RETRY_AFTER_MS: ReadonlyMap<Code, number> = new Map([
  [Code.UNAVAILABLE, 1_000],
  [Code.ABORTED, 100],
]);

/** The one error type of the project. Its message says what failed and which thing; `hint` says what to do. */
export class OpenShellError extends Error {
  override readonly name = 'OpenShellError';
  readonly code: Code;
  readonly reason: Reason | ForeignReason | undefined;
  readonly field: string | undefined;
  readonly hint: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: Code, message: string, options: OpenShellErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
    this.field = options.field;
    this.hint = options.hint;
    this.retryAfterMs = options.retryAfterMs ?? RETRY_AFTER_MS.get(code);
  }

  /** Message and hint in one line, as a person should read it. */
  get text(): string {
    return this.hint === undefined ? this.message : `${this.message}; ${this.hint}`;
  }

  /** Any thrown value as an OpenShellError: itself, CANCELLED for an abort, or INTERNAL with the value as cause. */
  static from(thrown: unknown): OpenShellError {
    if (thrown instanceof OpenShellError) {
      return thrown;
    }
    if (thrown instanceof Error && thrown.name === 'AbortError') {
      return new OpenShellError(Code.CANCELLED, 'the operation was cancelled', { cause: thrown });
    }
    if (thrown instanceof Error && thrown.name === 'TimeoutError') {
      return new OpenShellError(Code.DEADLINE_EXCEEDED, 'the operation took too long', { cause: thrown });
    }
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new OpenShellError(Code.INTERNAL, message, { cause: thrown });
  }
}

export function invalidArgument(message: string, options?: OpenShellErrorOptions): OpenShellError {
  return new OpenShellError(Code.INVALID_ARGUMENT, message, options);
}

export function notFound(message: string, options?: OpenShellErrorOptions): OpenShellError {
  return new OpenShellError(Code.NOT_FOUND, message, options);
}

export function failedPrecondition(message: string, options?: OpenShellErrorOptions): OpenShellError {
  return new OpenShellError(Code.FAILED_PRECONDITION, message, options);
}

export function unavailable(message: string, options?: OpenShellErrorOptions): OpenShellError {
  return new OpenShellError(Code.UNAVAILABLE, message, options);
}
