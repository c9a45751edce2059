import http from 'node:http';
import https from 'node:https';
import { Code, OpenShellError } from '../../compute/errors.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay, runWithDeadline } from '../../kit/deadline.js';
import { createServerState, isStillLoading, type ServerState } from './api-errors.js';
import { type Access, type Cluster, loadCluster } from './cluster.js';
import type { KubeList, KubeObject } from './objects.js';
import type { KubernetesSettings } from './settings.js';
import { createThrottle, type Throttle } from './throttle.js';

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

interface ApiRequest {
  /** Default GET. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  /** Names the request in messages: `create pods in openshell`. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** Calls to the Kubernetes API: throttled, each with a deadline, and retried when the server is busy or unreachable. */
export interface Rest extends ServerState {
  readonly server: URL;
  /** Safe for creates too: names are fixed, so a retry of one that succeeded fails with ALREADY_EXISTS. */
  json<T>(request: ApiRequest): Promise<T>;
  /** Every object of a collection, read in pages. */
  list<T extends KubeObject>(request: ApiRequest): Promise<{ items: T[]; resourceVersion: string }>;
  /** A response without an end, e.g. a watch; the deadline is for its first byte. Not retried. */
  stream(request: ApiRequest): Promise<http.IncomingMessage>;
  /** The time by the API server's clock, which stamps its objects; ours until it has answered. */
  now(): number;
  /** Credentials for a connection of another kind. */
  access(): Promise<Access>;
  close(): void;
}

interface RestOptions {
  readonly cluster: Cluster;
  readonly throttle: Throttle;
  /** Of one call, its retries included. */
  readonly timeoutMs: number;
}

const PAGE_SIZE = 500;
/** A page of big objects may be larger than this; it is then read in smaller pages. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;
const SMALLER = 10;
const ANSWER_TOO_LARGE = 'AnswerTooLarge';
export const LONGEST_REFUSAL_BYTES = 64 * 1024;
const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 5_000;
/** After this many, a 500 is final. */
const INTERNAL_ERROR_ATTEMPTS = 4;
const BUSY = new Set([429, 502, 503, 504]);

function isPassing(status: number, refusal: OpenShellError, attempt: number): boolean {
  return BUSY.has(status) || (status === 500 && attempt < INTERNAL_ERROR_ATTEMPTS) || isStillLoading(refusal);
}

/** The API of the configured cluster. Opens no connection yet. */
export function connect(settings: KubernetesSettings): Rest {
  return createRest({
    cluster: loadCluster(settings),
    throttle: createThrottle({ perSecond: settings.api_qps, burst: settings.api_burst }),
    timeoutMs: settings.api_timeout_secs * 1000,
  });
}

export function createRest({ cluster, throttle, timeoutMs }: RestOptions): Rest {
  const serverState = createServerState(cluster.server);
  const clock = createServerClock();
  async function once(request: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    await throttle.take(signal);
    const { agent, headers } = await cluster.access();
    const response = await send(cluster.server, agent, headers, request, signal);
    clock.set(response.headers.date);
    return response;
  }

  async function json<T>(request: ApiRequest): Promise<T> {
    try {
      return await runWithDeadline(timeoutMs, request.signal, (signal) => ask<T>(request, signal));
    } catch (error) {
      throw error instanceof OpenShellError ? error : givenUp(request, undefined, error);
    }
  }

  async function ask<T>(request: ApiRequest, signal: AbortSignal): Promise<T> {
    let last: unknown;
    const backoff = createBackoff(RETRY_FIRST_MS, RETRY_MOST_MS);
    for (let attempt = 1; ; attempt++) {
      let waitMs = backoff.next();
      try {
        const response = await once(request, signal);
        const status = response.statusCode ?? 0;
        const isGranted = status >= 200 && status < 300;
        const body = await readText(response, isGranted ? LARGEST_ANSWER_BYTES : LONGEST_REFUSAL_BYTES);
        if (isGranted && body === undefined) {
          throw tooLarge(request);
        }
        if (isGranted && body !== undefined) {
          return JSON.parse(body) as T;
        }
        const refusal = serverState.refused(status, body ?? '', request.what);
        last = refusal;
        if (status === 401 && attempt === 1) {
          cluster.forget();
        } else if (!isPassing(status, refusal, attempt)) {
          throw refusal;
        }
        waitMs = retryAfterMs(response) ?? waitMs;
      } catch (error) {
        if (error instanceof OpenShellError) {
          throw error;
        }
        if (signal.aborted) {
          throw givenUp(request, last, error);
        }
        last = serverState.lost(error);
      }
      await delay(waitMs, signal).catch((error) => {
        throw givenUp(request, last, error);
      });
    }
  }

  return {
    ...serverState,
    server: cluster.server,
    json,
    async list<T extends KubeObject>(request: ApiRequest) {
      for (let limit = PAGE_SIZE; ; ) {
        const items: T[] = [];
        let next: string | undefined;
        let page: KubeList<T>;
        try {
          do {
            page = await json<KubeList<T>>({
              ...request,
              query: { ...request.query, limit, continue: next },
            });
            items.push(...page.items);
            next = page.metadata.continue || undefined;
          } while (next !== undefined);
          return { items, resourceVersion: page.metadata.resourceVersion ?? '' };
        } catch (error) {
          const reason = error instanceof OpenShellError ? error.reason : undefined;
          if (reason === ANSWER_TOO_LARGE && limit > 1) {
            limit = Math.ceil(limit / SMALLER);
          }
          // The server forgets a listing that took too long: start over.
          else if (next === undefined || reason !== 'Expired') {
            throw error;
          }
        }
      }
    },
    async stream(request) {
      const begun = new AbortController();
      const timer = setTimeout(
        () => begun.abort(new DOMException('no answer in time', 'TimeoutError')),
        timeoutMs,
      );
      try {
        const signal = AbortSignal.any([request.signal, begun.signal]);
        const response = await once(request, signal);
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) {
          return response;
        }
        if (status === 401) {
          cluster.forget();
        }
        const body = await readText(response, LONGEST_REFUSAL_BYTES);
        throw serverState.refused(status, body ?? '', request.what);
      } catch (error) {
        if (error instanceof OpenShellError || request.signal.aborted) {
          throw error;
        }
        throw serverState.lost(error);
      } finally {
        clearTimeout(timer);
      }
    },
    now: clock.now,
    access: () => cluster.access(),
    close: () => cluster.close(),
  };
}

function send(
  server: URL,
  agent: http.Agent,
  headers: Readonly<Record<string, string>>,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const type = request.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const sent = (server.protocol === 'http:' ? http : https).request(
      url(server, request.path, request.query),
      {
        method: request.method ?? 'GET',
        agent,
        signal,
        headers: {
          ...headers,
          Accept: 'application/json',
          'User-Agent': 'openshell-gateway',
          ...(body && { 'Content-Type': type, 'Content-Length': body.length }),
        },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The URL of a path on a server whose own URL may have a path. */
export function url(server: URL, path: string, query: Query = {}): URL {
  const target = new URL(server.pathname.replace(/\/$/, '') + path, server);
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) {
      continue;
    }
    for (const one of Array.isArray(value) ? value : [value]) {
      target.searchParams.append(key, String(one));
    }
  }
  return target;
}

/** Undefined when it is longer than `mostBytes`; the connection is then closed. */
export async function readText(
  response: http.IncomingMessage,
  mostBytes: number,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += (chunk as Buffer).length;
    if (length > mostBytes) {
      return undefined;
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge({ what }: ApiRequest): OpenShellError {
  return new OpenShellError(
    Code.RESOURCE_EXHAUSTED,
    `the Kubernetes response to ${what} is larger than ${LARGEST_ANSWER_BYTES} bytes`,
    { reason: ANSWER_TOO_LARGE },
  );
}

/** The server's time from its Date headers, advanced by a monotonic clock. */
function createServerClock() {
  let seen: { readonly dateMs: number; readonly atMs: number } | undefined;
  return {
    set(date: string | undefined) {
      const dateMs = Date.parse(date ?? '');
      if (!Number.isNaN(dateMs)) {
        seen = { dateMs, atMs: performance.now() };
      }
    },
    now: (): number =>
      seen === undefined ? Date.now() : Math.round(seen.dateMs + performance.now() - seen.atMs),
  };
}

function retryAfterMs(response: http.IncomingMessage): number | undefined {
  const seconds = Number(response.headers['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, RETRY_MOST_MS * 6) : undefined;
}

/** The caller's own abort unchanged; for a deadline, the last error before it. */
function givenUp(request: ApiRequest, last: unknown, error: unknown): unknown {
  if (request.signal.aborted && request.signal.reason?.name !== 'TimeoutError') {
    return request.signal.reason;
  }
  return last ?? OpenShellError.from(error);
}
