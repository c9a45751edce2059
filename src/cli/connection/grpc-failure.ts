import { Code, OpenShellError } from '../../compute/errors.js';
import { CallFailure } from '../../rpc/call-failure.js';
import { codeOf, detailsOf } from '../../rpc/failure.js';
import type { Endpoint } from './endpoint.js';

const START_HINT = 'start one with: node dist/main.js, or name another with --gateway-endpoint';
const HTTPS_HINT = 'a gateway with TLS needs an https:// endpoint';
const TLS_HINT = 'check --gateway-ca, --gateway-cert, --gateway-key, and that the gateway speaks TLS';

/**
 * A failed call as the error to show. A hint is added where the user can do something about the connection itself;
 * the gateway's own messages carry theirs.
 */
export function fromGrpc(thrown: unknown, endpoint: Endpoint): OpenShellError {
  if (!(thrown instanceof CallFailure)) {
    return OpenShellError.from(thrown);
  }
  const { code, details } = thrown;
  const known = codeOf(code);
  const given = detailsOf(thrown);
  if (given !== undefined && (given.hint !== undefined || code !== Code.UNAUTHENTICATED)) {
    return new OpenShellError(known, details, given);
  }
  if (code === Code.UNAVAILABLE) {
    return unreachable(details, endpoint, thrown);
  }
  if (code === Code.UNAUTHENTICATED) {
    return new OpenShellError(Code.UNAUTHENTICATED, details || 'the gateway could not authenticate you', {
      hint: 'use a client certificate: --gateway-cert and --gateway-key',
      cause: thrown,
    });
  }
  if (code === Code.UNIMPLEMENTED) {
    return new OpenShellError(Code.UNIMPLEMENTED, details || 'the gateway does not support this', {
      cause: thrown,
    });
  }
  return new OpenShellError(known, details || `the gateway responded with status ${code}`, { cause: thrown });
}

/** Translates grpc-js's messages about failed connections; the gateway's own UNAVAILABLE passes through. */
function unreachable(details: string, endpoint: Endpoint, cause: unknown): OpenShellError {
  const { url } = endpoint;
  function because(message: string, hint?: string) {
    return new OpenShellError(Code.UNAVAILABLE, message, hint === undefined ? { cause } : { cause, hint });
  }

  const why = reasonIn(details);
  if (/ECONNREFUSED/.test(details)) {
    return because(`no gateway is listening at ${url}`, START_HINT);
  }
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(details)) {
    return because(`the host of ${url} cannot be resolved`, 'check its name');
  }
  if (/certificate|SSL|TLS|EPROTO|altname/i.test(details)) {
    return because(`no TLS connection to ${url}: ${why}`, TLS_HINT);
  }
  // What a plaintext client gets from a TLS listener; grpc-js adds only a time.
  if (/Failed to connect/.test(details)) {
    return because(`the connection to ${url} failed`, HTTPS_HINT);
  }
  if (/No connection established|Connection dropped|ECONNRESET|socket|Last error|keepalive/i.test(details)) {
    return because(`the connection to ${url} failed: ${why}`);
  }
  return because(details || `${url} is unavailable`);
}

/** The relevant part of grpc-js's text: the last error, or the reason in OpenSSL's line. */
function reasonIn(details: string): string {
  const [, openssl] = /SSL routines:[^:]*:([^:]+):/.exec(details) ?? [];
  const [, last] = /Last error: (?:Error: )?(.*?)(?:\. Resolution note:.*)?$/s.exec(details) ?? [];
  return openssl ?? (last || details);
}
