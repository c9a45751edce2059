import { Code, OpenShellError } from '../../compute/errors.js';
import { CallFailure } from '../../rpc/call-failure.js';
import { codeOf, detailsOf } from '../../rpc/failure.js';
import type { Endpoint } from './endpoint.js';

const START_HINT = 'start one with: node dist/main.js, or name another with --gateway-endpoint';
const HTTPS_HINT = 'a gateway with TLS wants an https:// endpoint';
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
  const told = detailsOf(thrown);
  if (told !== undefined && (told.hint !== undefined || code !== Code.UNAUTHENTICATED)) {
    return new OpenShellError(known, details, told);
  }
  if (code === Code.UNAVAILABLE) {
    return unreachable(details, endpoint, thrown);
  }
  if (code === Code.UNAUTHENTICATED) {
    return new OpenShellError(Code.UNAUTHENTICATED, details || 'the gateway does not know you', {
      hint: 'give a client certificate with --gateway-cert and --gateway-key',
      cause: thrown,
    });
  }
  if (code === Code.UNIMPLEMENTED) {
    return new OpenShellError(Code.UNIMPLEMENTED, details || 'the gateway does not offer this', {
      cause: thrown,
    });
  }
  return new OpenShellError(known, details || `the gateway answered with status ${code}`, { cause: thrown });
}

/** grpc-js words a connection that never came about in its own way; the gateway's own UNAVAILABLE passes through. */
function unreachable(details: string, endpoint: Endpoint, cause: unknown): OpenShellError {
  const { url } = endpoint;
  function because(message: string, hint?: string) {
    return new OpenShellError(Code.UNAVAILABLE, message, hint === undefined ? { cause } : { cause, hint });
  }

  const why = reasonIn(details);
  if (/ECONNREFUSED/.test(details)) {
    return because(`no gateway answers at ${url}`, START_HINT);
  }
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(details)) {
    return because(`the host of ${url} has no address`, 'check its name');
  }
  if (/certificate|SSL|TLS|EPROTO|altname/i.test(details)) {
    return because(`no TLS connection to ${url}: ${why}`, TLS_HINT);
  }
  // What a plaintext client sees of a listener with TLS; grpc-js adds only a time.
  if (/Failed to connect/.test(details)) {
    return because(`the connection to ${url} failed`, HTTPS_HINT);
  }
  if (/No connection established|Connection dropped|ECONNRESET|socket|Last error|keepalive/i.test(details)) {
    return because(`the connection to ${url} failed: ${why}`);
  }
  return because(details || `${url} is unavailable`);
}

/** The part of grpc-js's text that says something: the last error, and of OpenSSL's line the reason. */
function reasonIn(details: string): string {
  const [, openssl] = /SSL routines:[^:]*:([^:]+):/.exec(details) ?? [];
  const [, last] = /Last error: (?:Error: )?(.*?)(?:\. Resolution note:.*)?$/s.exec(details) ?? [];
  return openssl ?? (last || details);
}
