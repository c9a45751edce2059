import { Code } from '../../compute/errors.js';
import { CallFailure } from '../call-failure.js';
import { type ClientTls, UNARY_TIMEOUT_MS, type UnaryClient } from '../client/contract.js';
import { attempt, framed } from './call.js';
import { type Keepalive, type Link, type LinkTls, openLink } from './link.js';

/** gRPC's default. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** The longest timeout of a timer; a later deadline is ignored. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface UnaryClientOptions {
  /** Default: plain text. */
  readonly tls?: ClientTls;
  /** Pings a connection this often during calls, and closes it when no answer comes in time. Default: never. */
  readonly keepalive?: Keepalive;
  /** The largest response. Default: gRPC's 4 MiB. */
  readonly maxAnswerBytes?: number;
}

/**
 * A gRPC client for unary calls alone, over node:http2: a program that makes a call or two starts in a third of the
 * time that loading grpc-js takes. It does not support proxies, retries of a service config, or compression; see
 * `fullClientReason`. Throws when the certificates are invalid.
 *
 * @param target `HOST:PORT`, `[ADDRESS]:PORT` or `unix:PATH`
 */
export async function createUnaryClient(
  target: string,
  { tls, keepalive, maxAnswerBytes = MAX_ANSWER_BYTES }: UnaryClientOptions = {},
): Promise<UnaryClient> {
  const linkTls = tls && (await tlsFor(tls));
  let link: Link | undefined;
  let isClosed = false;
  function current(): Link {
    if (link === undefined || link.isSpent) {
      link = openLink(target, linkTls, keepalive);
    }
    return link;
  }

  const authority = target.startsWith('unix:') ? 'localhost' : target;

  return {
    unary: (method, request, { timeoutMs = UNARY_TIMEOUT_MS, signal, headers: given } = {}) =>
      new Promise((resolve, reject) => {
        let timer: NodeJS.Timeout | undefined;
        let cancel = () => {};
        function fail(code: number, details: string) {
          return settle(new CallFailure(code, details));
        }

        function abort() {
          return fail(Code.CANCELLED, 'Cancelled on client');
        }

        function settle(outcome: Buffer | CallFailure) {
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
          cancel();
          if (outcome instanceof CallFailure) {
            return reject(outcome);
          }
          try {
            resolve(method.decodeResponse(outcome));
          } catch (error) {
            reject(new CallFailure(Code.INTERNAL, `Response message parsing error: ${textOf(error)}`));
          }
        }

        if (isClosed) {
          return fail(Code.UNAVAILABLE, 'the client is closed');
        }
        if (signal?.aborted) {
          return abort();
        }
        let body: Buffer;
        try {
          body = framed(method.encodeRequest(request));
        } catch (error) {
          return fail(Code.INTERNAL, `Request message serialization failure: ${textOf(error)}`);
        }
        function expire() {
          return fail(Code.DEADLINE_EXCEEDED, `Deadline exceeded after ${(timeoutMs / 1000).toFixed(3)}s`);
        }

        if (timeoutMs <= 0) {
          return expire();
        }
        if (timeoutMs <= MAX_TIMER_MS) {
          timer = setTimeout(expire, timeoutMs);
        }
        signal?.addEventListener('abort', abort, { once: true });
        const headers = {
          ...given,
          ':authority': authority,
          ':method': 'POST',
          ':path': method.path,
          'content-type': 'application/grpc',
          te: 'trailers',
          'user-agent': 'grpc-node-openshell',
          'grpc-accept-encoding': 'identity',
          ...timeoutHeader(timeoutMs),
        };
        cancel = attempt(current(), { headers, body, maxAnswerBytes, ended: settle });
      }),
    close() {
      isClosed = true;
      if (link?.session.connecting) {
        link.session.destroy();
      } else {
        link?.session.close();
      }
    },
  };
}

async function tlsFor({ ca, cert, key, verify = true }: ClientTls): Promise<LinkTls> {
  const { connect, createSecureContext } = await import('node:tls');
  const any = verify ? {} : { checkServerIdentity: () => undefined };
  const secureContext = createSecureContext({ ca, cert, key });
  // Always set: Node's default follows NODE_TLS_REJECT_UNAUTHORIZED, which grpc-js ignores.
  return { connect, options: { secureContext, rejectUnauthorized: verify, ...any } };
}

const TIMEOUT_UNITS = [
  ['m', 1],
  ['S', 1_000],
  ['M', 60_000],
  ['H', 3_600_000],
] as const;

/** At most 8 digits and a unit; no header for a deadline too far away. */
function timeoutHeader(ms: number): { 'grpc-timeout'?: string } {
  const [unit, unitMs] = TIMEOUT_UNITS.find(([, unitMs]) => Math.ceil(ms / unitMs) < 1e8) ?? [];
  return unit === undefined ? {} : { 'grpc-timeout': `${Math.ceil(ms / unitMs)}${unit}` };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
