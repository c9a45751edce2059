import { constants, type IncomingHttpHeaders } from 'node:http2';
import { Code } from '../../compute/errors.js';
import { CallFailure } from '../call-failure.js';

/** As grpc-js maps an HTTP status without a gRPC status. */
const FROM_HTTP: Readonly<Record<number, number>> = {
  400: Code.INTERNAL,
  401: Code.UNAUTHENTICATED,
  403: Code.PERMISSION_DENIED,
  404: Code.UNIMPLEMENTED,
  429: Code.UNAVAILABLE,
  502: Code.UNAVAILABLE,
  503: Code.UNAVAILABLE,
  504: Code.UNAVAILABLE,
};

/** The status in the trailers, or in headers without a body; undefined for OK. */
export function failureIn(trailers: IncomingHttpHeaders, httpStatus: number): CallFailure | undefined {
  const text = trailers['grpc-status'];
  if (text === undefined) {
    return httpFailure(httpStatus);
  }
  const code = Number(text);
  if (code === 0) {
    return undefined;
  }
  const message = trailers['grpc-message'];
  const details = typeof message === 'string' ? decoded(message) : '';
  return new CallFailure(Number.isInteger(code) ? code : Code.UNKNOWN, details, detailsTrailer(trailers));
}

export function httpFailure(status: number): CallFailure {
  return new CallFailure(FROM_HTTP[status] ?? Code.UNKNOWN, `Received HTTP status code ${status}`);
}

function detailsTrailer(trailers: IncomingHttpHeaders): Buffer | undefined {
  const value = trailers['grpc-status-details-bin'];
  return typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
}

/** A stream that ended without a status. `rstCode` is HTTP/2's reason, 0 when there was none. */
export function resetFailure(rstCode: number, httpStatus: number | undefined): CallFailure {
  switch (rstCode) {
    case constants.NGHTTP2_NO_ERROR:
      if (httpStatus !== undefined && httpStatus !== 200) {
        return httpFailure(httpStatus);
      }
      return new CallFailure(
        Code.INTERNAL,
        'Received RST_STREAM with code 0 (Call ended without gRPC status)',
      );
    case constants.NGHTTP2_REFUSED_STREAM:
      return new CallFailure(Code.UNAVAILABLE, 'Stream refused by server');
    case constants.NGHTTP2_CANCEL:
      return new CallFailure(Code.CANCELLED, 'Call cancelled');
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return new CallFailure(Code.RESOURCE_EXHAUSTED, 'Bandwidth exhausted or memory limit exceeded');
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return new CallFailure(Code.PERMISSION_DENIED, 'Protocol not secure enough');
    case constants.NGHTTP2_INTERNAL_ERROR:
      return new CallFailure(Code.INTERNAL, 'Received RST_STREAM with code 2 (Internal server error)');
    default:
      return new CallFailure(Code.INTERNAL, `Received RST_STREAM with code ${rstCode}`);
  }
}

function decoded(message: string): string {
  try {
    return decodeURI(message);
  } catch {
    return message;
  }
}
