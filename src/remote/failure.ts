import { Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { Code, OpenShellError } from '../compute/errors.js';
import { decodeStatusDetails, encodeStatusDetails, STATUS_DETAILS } from '../wire/errors/index.js';

/** A driver's error as the status of a call; reason, field and hint go along as details. */
export const toStatus = (thrown: unknown): Pick<StatusObject, 'code' | 'details' | 'metadata'> => {
  const { code, message, reason, field, hint } = OpenShellError.from(thrown);
  const metadata = new Metadata();
  if (reason !== undefined) {
    metadata.set(STATUS_DETAILS, Buffer.from(encodeStatusDetails({ code, message, reason, field, hint })));
  }
  return { code, details: message, metadata };
};

const isServiceError = (thrown: unknown): thrown is ServiceError =>
  thrown instanceof Error && 'code' in thrown && 'details' in thrown;

/** The status of a call as the error that the driver threw. `signal` tells whether we cancelled it ourselves. */
export const fromFailure = (thrown: unknown, signal?: AbortSignal): unknown => {
  if (signal?.aborted === true) return signal.reason;
  if (!isServiceError(thrown)) return thrown;
  const trailer = thrown.metadata?.get(STATUS_DETAILS)[0];
  const details = Buffer.isBuffer(trailer) ? decodeStatusDetails(trailer) : undefined;
  const { reason, field, hint } = details ?? {};
  return new OpenShellError((thrown.code || Code.UNKNOWN) as Code, thrown.details, {
    ...(reason === undefined ? {} : { reason }),
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
    cause: thrown,
  });
};
