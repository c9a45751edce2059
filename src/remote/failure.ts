import type { ServiceError } from '@grpc/grpc-js';
import { Code, OpenShellError } from '../compute/errors.js';
import { decodeStatusDetails, STATUS_DETAILS } from '../wire/errors/index.js';
import { reasonOfCode } from '../wire/status.js';

const isServiceError = (thrown: unknown): thrown is ServiceError =>
  thrown instanceof Error && 'code' in thrown && 'details' in thrown;

/** The status of a call as the error that the driver threw. `signal` tells whether we cancelled it ourselves. */
export const fromFailure = (thrown: unknown, signal?: AbortSignal): unknown => {
  if (signal?.aborted === true) return signal.reason;
  if (!isServiceError(thrown)) return thrown;
  const trailer = thrown.metadata?.get(STATUS_DETAILS)[0];
  const details = Buffer.isBuffer(trailer) ? decodeStatusDetails(trailer) : undefined;
  const { reason, field, hint, retryAfterMs } = details ?? {};
  const code = (thrown.code || Code.UNKNOWN) as Code;
  return new OpenShellError(code, thrown.details, {
    // What only says the code again stands for an error without a reason.
    ...(reason === undefined || reason === reasonOfCode(code) ? {} : { reason }),
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause: thrown,
  });
};
