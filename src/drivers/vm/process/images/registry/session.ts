import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { parseChallenge } from './challenge.js';
import { basicAuthorization, type Credentials } from './credentials.js';
import { RegistryFailure } from './failure.js';
import { checkUrl, get, type Headers, type HttpOptions, readBody } from './http.js';
import type { ImageReference } from './reference.js';

/** Requests for one repository, authorised as its registry demands. */
export interface RegistrySession {
  /** The 200 or 206 response to a GET below `/v2/<repository>/`. Rejects with RegistryFailure. */
  get(path: string, headers: Headers, signal: AbortSignal): Promise<IncomingMessage>;
}

interface SessionOptions extends Omit<HttpOptions, 'signal'> {
  /** Hosts that may receive a registry's password if it uses them as its token server. */
  readonly tokenHosts: ReadonlySet<string>;
  readonly credentials: () => Promise<Credentials | undefined>;
}

const MAX_TOKEN_ANSWER_BYTES = 256 * 1024;
/** Characters that are valid in a header. */
const TOKEN = /^[\x21-\x7e]{1,65536}$/;
const TEMPORARY = new Set([408, 429, 500, 502, 503, 504]);
const AUTH_HINT = 'check the name; for a private image put credentials into registry_auth_file';

function retryAfterMs(response: IncomingMessage): number | undefined {
  const seconds = Number(response.headers['retry-after']);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

function failureOf(what: string, host: string, response: IncomingMessage): RegistryFailure {
  const status = response.statusCode ?? 0;
  switch (status) {
    case 401:
    case 403:
      return new RegistryFailure(`${host} denies access to ${what} (${status})`, { hint: AUTH_HINT });
    case 404:
      return new RegistryFailure(`${host} has no ${what}`);
    default:
      return new RegistryFailure(`${host} returned ${status} for ${what}`, {
        temporary: TEMPORARY.has(status),
        retryAfterMs: retryAfterMs(response),
      });
  }
}

/** The registry itself, listed hosts, and hosts of its own domain, as auth.docker.io is for registry-1.docker.io. */
function mayReceivePassword(registry: string, other: string, listed: ReadonlySet<string>): boolean {
  if (other === registry || listed.has(other)) {
    return true;
  }
  const parent = registry.slice(registry.indexOf('.') + 1);
  const hasDomain = isIP(registry.replace(/:\d+$/, '')) === 0 && /^[^.:]+\.[^.:]+/.test(parent);
  return hasDomain && (other === parent || other.endsWith(`.${parent}`));
}

export function openSession(reference: ImageReference, options: SessionOptions): RegistrySession {
  const { host, repository } = reference;
  const base = `${options.plainAllowed(host) ? 'http' : 'https'}://${host}/v2/${repository}/`;
  let authorization: string | undefined;

  async function token(
    challenge: { readonly realm: string; readonly service: string; readonly scope: string },
    http: HttpOptions,
  ): Promise<string> {
    let url: URL;
    try {
      url = new URL(challenge.realm);
    } catch {
      throw new RegistryFailure(`${host} specifies no usable token server`);
    }
    // A registry with TLS may not direct passwords to a host without it.
    if (base.startsWith('https:') && url.protocol !== 'https:') {
      throw new RegistryFailure(`${host} specifies a token server without TLS`);
    }
    checkUrl(url, http);
    if (challenge.service !== '') {
      url.searchParams.set('service', challenge.service);
    }
    url.searchParams.set('scope', challenge.scope || `repository:${repository}:pull`);
    const credentials = await options.credentials();
    if (credentials !== undefined && !mayReceivePassword(host, url.host, options.tokenHosts)) {
      throw new RegistryFailure(`${host} asks for its password to be sent to ${url.host}`, {
        hint: `if that is correct, list ${url.host} in registry_token_hosts`,
      });
    }
    const headers: Headers =
      credentials === undefined ? {} : { authorization: basicAuthorization(credentials) };
    const { response } = await get(url, headers, http);
    if (response.statusCode !== 200) {
      response.destroy();
      throw failureOf(`a token for ${repository}`, url.host, response);
    }
    const body = await readBody(response, MAX_TOKEN_ANSWER_BYTES, http.signal);
    const found = tokenIn(body);
    if (found === undefined) {
      throw new RegistryFailure(`${url.host} returned no token`);
    }
    return found;
  }

  async function authorise(response: IncomingMessage, http: HttpOptions): Promise<string> {
    const challenge = parseChallenge(response.headers['www-authenticate'] ?? '');
    if (challenge?.scheme === 'bearer') {
      return `Bearer ${await token(challenge, http)}`;
    }
    const credentials = challenge === undefined ? undefined : await options.credentials();
    if (credentials === undefined) {
      throw failureOf(repository, host, response);
    }
    return basicAuthorization(credentials);
  }

  return {
    async get(path, headers, signal) {
      const http = { ...options, signal };
      const url = new URL(path, base);
      checkUrl(url, http);
      for (let asked = 0; ; asked++) {
        const sent = authorization;
        const own = sent === undefined ? headers : { ...headers, authorization: sent };
        const { response, elsewhere } = await get(url, own, http);
        const { statusCode } = response;
        if (statusCode === 200 || statusCode === 206) {
          return response;
        }
        response.destroy();
        // Once: a new token that is refused is not requested again. And never for another host, which would receive the
        // password.
        if (statusCode !== 401 || asked > 0 || elsewhere) {
          throw failureOf(`${repository}/${path}`, host, response);
        }
        authorization = await authorise(response, http);
      }
    },
  };
}

function tokenIn(body: Buffer): string | undefined {
  try {
    const { token, access_token: other } = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    const found = typeof token === 'string' && token !== '' ? token : other;
    return typeof found === 'string' && TOKEN.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}
