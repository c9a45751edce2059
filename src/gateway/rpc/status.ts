import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { OpenShellError } from '../../compute/errors.js';

/** A thrown value as the status that the client gets. Causes stay here. */
export const toStatus = (
  thrown: unknown,
): Pick<StatusObject, 'code' | 'details' | 'metadata'> & { error: OpenShellError } => {
  const error = OpenShellError.from(thrown);
  const metadata = new Metadata();
  if (error.reason !== undefined) metadata.set('openshell-reason', error.reason);
  if (error.hint !== undefined) metadata.set('openshell-hint', encodeURIComponent(error.hint));
  if (error.field !== undefined) metadata.set('openshell-field', encodeURIComponent(error.field));
  return { code: error.code, details: error.message, metadata, error };
};
