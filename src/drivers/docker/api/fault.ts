import { Code, OpenShellError, type OpenShellErrorOptions, unavailable } from '../../../compute/errors.js';

/** What an answer of the engine other than success looks like when dockerode throws it. */
interface EngineFailure {
  readonly statusCode: number;
  readonly message: string;
}

const NETWORK_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'EACCES', 'ETIMEDOUT']);

/** The HTTP status of an engine's refusal, if the thrown value is one. */
export function engineStatus(thrown: unknown): number | undefined {
  const status = (thrown as Partial<EngineFailure> | undefined)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The engine's message, without dockerode's wrapping. */
export function engineMessage(thrown: unknown): string {
  const json = (thrown as { json?: { message?: unknown } } | undefined)?.json;
  if (typeof json?.message === 'string') {
    return json.message.trim();
  }
  return (thrown instanceof Error ? thrown.message : String(thrown))
    .replace(/^\(HTTP code \d+\) /, '')
    .trim();
}

const CODE_OF_STATUS: Readonly<Record<number, Code>> = {
  400: Code.INVALID_ARGUMENT,
  403: Code.PERMISSION_DENIED,
  404: Code.NOT_FOUND,
  409: Code.FAILED_PRECONDITION,
  501: Code.UNIMPLEMENTED,
  503: Code.UNAVAILABLE,
};

/** Anything that a call to the engine threw as our error; `what` is what was being done, e.g. `start of sandbox x`. */
export function engineError(
  thrown: unknown,
  what: string,
  options: OpenShellErrorOptions = {},
): OpenShellError {
  if (thrown instanceof OpenShellError) {
    return thrown;
  }
  const status = engineStatus(thrown);
  if (status !== undefined) {
    return new OpenShellError(CODE_OF_STATUS[status] ?? Code.INTERNAL, `${what}: ${engineMessage(thrown)}`, {
      ...options,
      cause: thrown,
    });
  }
  const { code, message } = (thrown ?? {}) as NodeJS.ErrnoException;
  if ((code !== undefined && NETWORK_CODES.has(code)) || message === 'socket hang up') {
    return unavailable(`${what}: the Docker engine cannot be reached (${code ?? message})`, {
      reason: 'EngineUnavailable',
      hint: 'check that Docker runs and that its socket may be opened',
      cause: thrown,
    });
  }
  return OpenShellError.from(thrown);
}

/** A call whose answer `status` means that the thing was so already. */
export async function orAlready(status: number, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (engineStatus(error) !== status) {
      throw error;
    }
  }
}
