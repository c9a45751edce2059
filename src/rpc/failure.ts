import { Code, OpenShellError, type OpenShellErrorOptions } from '../compute/errors.js';
import { foreignReason } from '../compute/reasons.js';
import { decodeStatusDetails } from '../wire/errors/index.js';
import { CallFailure } from './call-failure.js';
import { reasonOfCode } from './status.js';

/** A status number as one of the codes that we know. */
export function codeOf(status: number): Code {
  return Object.values(Code).find((code) => code === status) ?? Code.UNKNOWN;
}

/** What the server said in our words beyond code and message; undefined when it said nothing. */
export function detailsOf(failure: CallFailure): OpenShellErrorOptions | undefined {
  const { code, details, trailer } = failure;
  const told = trailer && decodeStatusDetails(trailer);
  // Beside a long message the details leave it out.
  if (told?.code !== code || (told.message !== '' && told.message !== details)) {
    return undefined;
  }
  const { reason, field, hint, retryAfterMs } = told;
  return {
    reason: foreignReason(reason),
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause: failure,
  };
}

/** A failed call as the error that the server threw; anything else as it is. `signal`: whether we cancelled it ourselves. */
export function fromFailure(thrown: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) {
    return signal.reason;
  }
  if (!(thrown instanceof CallFailure)) {
    return thrown;
  }
  const code = codeOf(thrown.code);
  const { reason, ...told } = detailsOf(thrown) ?? { cause: thrown };
  // What only says the code again stands for an error without a reason.
  const named = reason === undefined || reason === reasonOfCode(code) ? {} : { reason };
  return new OpenShellError(code, thrown.details, { ...told, ...named });
}
