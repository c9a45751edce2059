import type { ServiceError } from '@grpc/grpc-js';
import { STATUS_DETAILS } from '../../wire/errors/index.js';
import { CallFailure } from '../call-failure.js';

/** What grpc-js throws as a CallFailure; anything else, such as an answer that cannot be read, as it is. */
export function failed(thrown: unknown): unknown {
  if (!isServiceError(thrown)) {
    return thrown;
  }
  const trailer = thrown.metadata?.get(STATUS_DETAILS)[0];
  return new CallFailure(thrown.code, thrown.details, Buffer.isBuffer(trailer) ? trailer : undefined);
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'details' in thrown;
}
