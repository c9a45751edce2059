import { Code, OpenShellError, type OpenShellErrorOptions } from '../compute/errors.js';
import { foreignReason } from '../compute/reasons.js';
import { decodeStatusDetails } from '../wire/errors/index.js';
import { CallFailure } from './call-failure.js';
import { reasonOfCode } from './status.js';

/** A status number as one of our codes; UNKNOWN for any other. */
export function codeOf(status: number): Code {
  return Object.values(Code).find((code) => code === status) ?? Code.UNKNOWN;
}

/** The server's error details beyond code and message; undefined when there are none of ours. */
export function detailsOf(failure: CallFailure): OpenShellErrorOptions | undefined {
  const { code, details, trailer } = failure;
  const decoded = trailer && decodeStatusDetails(trailer);
  // With a long message the details omit it.
  if (decoded?.code !== code || (decoded.message !== '' && decoded.message !== details)) {
    return undefined;
  }
  const { reason, field, hint, retryAfterMs } = decoded;
  return {
    reason: foreignReason(reason),
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause: failure,
  };
}

/** A failed call as the error that the server threw; anything else unchanged. `signal`: for calls that we cancelled. */
export function fromFailure(thrown: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) {
    return signal.reason;
  }
  if (!(thrown instanceof CallFailure)) {
    return thrown;
  }
  const code = codeOf(thrown.code);
  const { reason, ...rest } = detailsOf(thrown) ?? { cause: thrown };
  // A reason that only repeats the code stands for none.
  const named = reason === undefined || reason === reasonOfCode(code) ? {} : { reason };
  return new OpenShellError(code, thrown.details, { ...rest, ...named });
}
