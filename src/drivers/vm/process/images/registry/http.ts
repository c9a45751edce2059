import dns from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { RegistryFailure } from './failure.js';

export interface HttpOptions {
  /** Whether this host, with its port, may resolve to an address of this machine or its link. */
  readonly localAllowed: (host: string) => boolean;
  /** Whether this host, with its port, may be used without TLS. */
  readonly plainAllowed: (host: string) => boolean;
  /** A connection that is silent for this long is closed. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

export type Headers = Readonly<Record<string, string>>;

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const AGENT = 'openshell-driver-vm';

/** Permanent failures, e.g. an unknown name or an untrusted certificate. */
const PERMANENT = /^(ENOTFOUND|CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO|HPE_)/;

function networkFailure(url: URL, cause: NodeJS.ErrnoException): RegistryFailure {
  const code = cause.code ?? '';
  const isCertificate = /CERT|SIGN|UNABLE_TO_|ERR_TLS/.test(code);
  const isPlain = code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER';
  const hint = isCertificate
    ? 'put the CA into a file and set NODE_EXTRA_CA_CERTS to its path'
    : isPlain
      ? 'list a registry without TLS in insecure_registries'
      : undefined;
  return new RegistryFailure(`${url.host} does not answer: ${cause.message || code}`, {
    temporary: !PERMANENT.test(code) && !isPlain,
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** This machine, and addresses on its link, such as a cloud's metadata service. */
const LOCAL = new BlockList();
for (const [net, prefix, family] of [
  ['0.0.0.0', 8, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
] as const) {
  LOCAL.addSubnet(net, prefix, family);
}
LOCAL.addAddress('fd00:ec2::254', 'ipv6');

function isLocal(address: string): boolean {
  return LOCAL.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Users may name any host in an image, but must not reach addresses that only this machine can. */
function refuseLocal(host: string): RegistryFailure {
  return new RegistryFailure(`${host} is an address of this machine or of its link`, {
    hint: 'the operator can list it in local_registries',
  });
}

/** Refuses local addresses of a name at the moment of the connection. */
function publicLookup(host: string): LookupFunction {
  return (name, options, callback) => {
    dns.lookup(name, { ...options, all: true }, (error, found) => {
      const addresses = (found ?? []).filter(({ address }) => !isLocal(address));
      if (error !== null) {
        callback(error, '');
      } else if (addresses.length === 0) {
        callback(refuseLocal(host), '');
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
      }
    });
  };
}

function sendOnce(url: URL, headers: Headers, options: HttpOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { signal, silenceMs } = options;
    const client = url.protocol === 'https:' ? https : http;
    const request = client.request(url, {
      headers: { 'user-agent': AGENT, 'accept-encoding': 'identity', ...headers },
      signal,
      timeout: silenceMs,
      ...(options.localAllowed(hostOf(url)) ? {} : { lookup: publicLookup(url.host) }),
    });
    request.on('timeout', () => {
      const late = new RegistryFailure(`${url.host} sent nothing for ${silenceMs / 1000} s`, {
        temporary: true,
      });
      request.destroy(late);
    });
    request.on('error', (error) => {
      if (signal.aborted) {
        reject(signal.reason);
      } else {
        reject(error instanceof RegistryFailure ? error : networkFailure(url, error));
      }
    });
    request.on('response', resolve);
    request.end();
  });
}

function hostOf(url: URL): string {
  return url.host.toLowerCase();
}

/** The target of a redirect. Throws when it may not be followed. */
function nextUrl(from: URL, location: string | undefined, options: HttpOptions): URL {
  let to: URL;
  try {
    to = new URL(location ?? '', from);
  } catch {
    throw new RegistryFailure(`${from.host} redirects to an invalid URL`);
  }
  if (from.protocol === 'https:' && to.protocol !== 'https:') {
    throw new RegistryFailure(`${from.host} redirects from HTTPS to plain HTTP`);
  }
  checkUrl(to, options);
  return to;
}

/** Refuses this machine unless it is listed, and anything but HTTPS unless the host may be used without TLS. */
export function checkUrl(url: URL, { plainAllowed, localAllowed }: HttpOptions): void {
  const name = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(name) !== 0 && isLocal(name) && !localAllowed(hostOf(url))) {
    throw refuseLocal(url.host);
  }
  if (url.protocol === 'https:' || (url.protocol === 'http:' && plainAllowed(hostOf(url)))) {
    return;
  }
  throw new RegistryFailure(`${url.protocol}//${url.host} may not be used without TLS`, {
    hint: 'list a registry without TLS in insecure_registries',
  });
}

/**
 * The response to a GET, to be read or destroyed, after redirects; `elsewhere` when one led to another host. The
 * Authorization header is only sent to the host of `url`. Rejects with RegistryFailure or the signal's reason.
 */
export async function get(
  url: URL,
  headers: Headers,
  options: HttpOptions,
): Promise<{ readonly response: IncomingMessage; readonly elsewhere: boolean }> {
  let at = url;
  let own = headers;
  let elsewhere = false;
  for (let redirects = 0; ; redirects++) {
    const response = await sendOnce(at, own, options);
    if (!REDIRECTS.has(response.statusCode ?? 0)) {
      return { response, elsewhere };
    }
    response.destroy();
    if (redirects === MAX_REDIRECTS) {
      throw new RegistryFailure(`${url.host} redirects too often`);
    }
    const next = nextUrl(at, response.headers.location, options);
    if (next.protocol !== at.protocol || hostOf(next) !== hostOf(at)) {
      const { authorization: _, ...others } = own;
      own = others;
      elsewhere = true;
    }
    at = next;
  }
}

/** A complete body of at most `maxBytes`. */
export async function readBody(
  response: IncomingMessage,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > maxBytes) {
        throw new RegistryFailure(`a response is longer than ${maxBytes} bytes`);
      }
      parts.push(part);
    }
  } catch (error) {
    throw bodyFailure(error, signal);
  }
  return Buffer.concat(parts);
}

/** Why a body ended early: the caller's abort, our refusal, or a broken connection, which is temporary. */
export function bodyFailure(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) {
    return signal.reason;
  }
  if (error instanceof RegistryFailure) {
    return error;
  }
  return new RegistryFailure(`the connection broke: ${(error as Error).message}`, {
    temporary: true,
    cause: error,
  });
}
