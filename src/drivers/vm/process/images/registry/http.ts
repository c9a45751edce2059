import dns from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { RegistryFailure } from './failure.js';

export interface HttpOptions {
  /** Whether this host, with its port, may stand for an address of this machine or of its link. */
  readonly localAllowed: (host: string) => boolean;
  /** Whether this host, with its port, may be spoken to without TLS. */
  readonly plainAllowed: (host: string) => boolean;
  /** A connection on which nothing comes for this long is given up. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

export type Headers = Readonly<Record<string, string>>;

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const AGENT = 'openshell-driver-vm';

/** What does not go away by waiting: no such name, a certificate that is not to be trusted. */
const LASTING = /^(ENOTFOUND|CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO|HPE_)/;

function networkFailure(url: URL, cause: NodeJS.ErrnoException): RegistryFailure {
  const code = cause.code ?? '';
  const isCertificate = /CERT|SIGN|UNABLE_TO_|ERR_TLS/.test(code);
  const isPlain = code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER';
  const hint = isCertificate
    ? 'name the CA in a file and the file in NODE_EXTRA_CA_CERTS'
    : isPlain
      ? 'a registry without TLS has to be listed in insecure_registries'
      : undefined;
  return new RegistryFailure(`${url.host} does not answer: ${cause.message || code}`, {
    passing: !LASTING.test(code) && !isPlain,
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** This machine, and what answers to all who share its link, such as a cloud's metadata. */
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

/** Whoever may create sandboxes may name any host: what only this machine reaches is not for them to ask. */
function refuseLocal(host: string): RegistryFailure {
  return new RegistryFailure(`${host} is an address of this machine or of its link`, {
    hint: 'the operator may list it in local_registries',
  });
}

/** Refuses the addresses that a name turns out to have, at the moment that one is connected to. */
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
        passing: true,
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

/** The next address of a redirect, or why it is not followed. */
function nextUrl(from: URL, location: string | undefined, options: HttpOptions): URL {
  let to: URL;
  try {
    to = new URL(location ?? '', from);
  } catch {
    throw new RegistryFailure(`${from.host} redirects to nowhere`);
  }
  if (from.protocol === 'https:' && to.protocol !== 'https:') {
    throw new RegistryFailure(`${from.host} redirects from HTTPS to plain HTTP`);
  }
  checkUrl(to, options);
  return to;
}

/** Refuses this machine, unless it is listed, and what is not HTTPS, save to a host that may be spoken to without. */
export function checkUrl(url: URL, { plainAllowed, localAllowed }: HttpOptions): void {
  const name = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(name) !== 0 && isLocal(name) && !localAllowed(hostOf(url))) {
    throw refuseLocal(url.host);
  }
  if (url.protocol === 'https:' || (url.protocol === 'http:' && plainAllowed(hostOf(url)))) {
    return;
  }
  throw new RegistryFailure(`${url.protocol}//${url.host} is not asked without TLS`, {
    hint: 'a registry without TLS has to be listed in insecure_registries',
  });
}

export interface Answer {
  /** To be read to its end or destroyed. */
  readonly response: IncomingMessage;
  /** Whether a redirect led to another host. */
  readonly elsewhere: boolean;
}

/**
 * The answer to a GET, after redirects. The Authorization header goes to the host of `url` alone. Rejects with
 * RegistryFailure, or with the signal's reason.
 */
export async function get(url: URL, headers: Headers, options: HttpOptions): Promise<Answer> {
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
      throw new RegistryFailure(`${url.host} redirects in a circle`);
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

/** A whole body of at most `maxBytes`. */
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
        throw new RegistryFailure(`an answer is longer than ${maxBytes} bytes`);
      }
      parts.push(part);
    }
  } catch (error) {
    throw bodyFailure(error, signal);
  }
  return Buffer.concat(parts);
}

/** Why a body ended early: the caller's own doing, ours, or a connection that broke, which may pass. */
export function bodyFailure(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) {
    return signal.reason;
  }
  if (error instanceof RegistryFailure) {
    return error;
  }
  return new RegistryFailure(`the connection broke: ${(error as Error).message}`, {
    passing: true,
    cause: error,
  });
}
