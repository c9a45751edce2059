import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { encodeStatusDetails, STATUS_DETAILS } from '../../wire/errors/index.js';

/** Clients refuse trailers of more than 8 KiB, and the message stands in them as well. */
const DETAILS_BYTES = 4096;

/** A thrown value as the status that the client gets, with its reason, field and hint as details. Causes stay here. */
export const toStatus = (
  thrown: unknown,
): Pick<StatusObject, 'code' | 'details' | 'metadata'> & { error: OpenShellError } => {
  const error = OpenShellError.from(thrown);
  const { code, message, field, hint, retryAfterMs } = error;
  const reason = error.reason ?? CODE_NAME.get(code) ?? 'Unknown';
  const details = encodeStatusDetails({ code, message, reason, field, hint, retryAfterMs });
  const metadata = new Metadata();
  if (details.length <= DETAILS_BYTES) metadata.set(STATUS_DETAILS, Buffer.from(details));
  return { code, details: message, metadata, error };
};

/** The reason of an error without one of its own: its code as a CamelCase word, such as `InvalidArgument`. */
const CODE_NAME: ReadonlyMap<Code, string> = new Map(
  Object.entries(Code).map(([name, code]) => [
    code,
    name.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  ]),
);
