import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { Code, OpenShellError } from '../../compute/errors.js';

/** Clients refuse trailers of more than 8 KiB, and the message stands in them as well. */
const DETAILS_BYTES = 4096;

export type Status = Pick<StatusObject, 'code' | 'details' | 'metadata'> & { error: OpenShellError };

/**
 * A thrown value as the status that the client gets, with its reason, field and hint as details. Causes stay here.
 * Never rejects: when what encodes the details does not load, there are none.
 */
export const toStatus = async (thrown: unknown): Promise<Status> => {
  const error = OpenShellError.from(thrown);
  const { code, message, field, hint, retryAfterMs } = error;
  const reason = error.reason ?? CODE_NAME.get(code) ?? 'Unknown';
  const metadata = new Metadata();
  const errors = await import('../../wire/errors/index.js').catch(() => undefined);
  const details = errors?.encodeStatusDetails({ code, message, reason, field, hint, retryAfterMs });
  if (errors !== undefined && details !== undefined && details.length <= DETAILS_BYTES) {
    metadata.set(errors.STATUS_DETAILS, Buffer.from(details));
  }
  return { code, details: message, metadata, error };
};

/** The reason of an error without one of its own: its code as a CamelCase word, such as `InvalidArgument`. */
const CODE_NAME: ReadonlyMap<Code, string> = new Map(
  Object.entries(Code).map(([name, code]) => [
    code,
    name.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  ]),
);
