import http from 'node:http';
import https from 'node:https';
import { Code, OpenShellError } from '../../compute/errors.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay, runWithDeadline } from '../../kit/deadline.js';
import { isStillLoading } from './api-errors.js';
import type { Access, Cluster } from './cluster.js';
import type { KubeList, KubeObject } from './objects.js';
import { createServerState, type ServerState } from './server-state.js';
import type { Throttle } from './throttle.js';

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

interface ApiRequest {
  /** Default GET. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  /** What is asked, for messages: `create pods in openshell`. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** Calls of the Kubernetes API: throttled, with a deadline each, tried again when the server is busy or away. */
export interface Rest extends ServerState {
  readonly server: URL;
  /** Safe to call for a create too: names are fixed, so one that was done already fails with ALREADY_EXISTS. */
  json<T>(request: ApiRequest): Promise<T>;
  /** Every object of a collection, read in pages. */
  list<T extends KubeObject>(request: ApiRequest): Promise<{ items: T[]; resourceVersion: string }>;
  /** An answer without end, e.g. a watch; the deadline is for its beginning. Not tried again. */
  stream(request: ApiRequest): Promise<http.IncomingMessage>;
  /** The time by the API server's clock, which is the one that its objects are stamped with; ours until it has answered. */
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
/** Many big objects make one answer too large to hold; the page is then asked for in smaller ones. */
const LARGEST_ANSWER_BYTES = 64 * 1024 * 1024;
const SMALLER = 10;
const ANSWER_TOO_LARGE = 'AnswerTooLarge';
/** Of a refusal. */
const LONGEST_WORDS_BYTES = 64 * 1024;
const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 5_000;
/** A server that answers 500 to the same call this often means it. */
const INTERNAL_ERROR_ATTEMPTS = 4;
const BUSY = new Set([429, 502, 503, 504]);

function isPassing(status: number, refusal: OpenShellError, attempt: number): boolean {
  return BUSY.has(status) || (status === 500 && attempt < INTERNAL_ERROR_ATTEMPTS) || isStillLoading(refusal);
}

export function createRest({ cluster, throttle, timeoutMs }: RestOptions): Rest {
  const serverState = createServerState(cluster.server);
  const clock = createServerClock();
  async function once(request: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> {
    await throttle.take(signal);
    const { agent, headers } = await cluster.access();
    const response = await send(cluster.server, agent, headers, request, signal);
    clock.heard(response.headers.date);
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
        const body = await readText(response, isGranted ? LARGEST_ANSWER_BYTES : LONGEST_WORDS_BYTES);
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
          // Pages that took too long are forgotten by the server: begin again.
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
        throw serverState.refused(
          status,
          (await readText(response, LONGEST_WORDS_BYTES)) ?? '',
          request.what,
        );
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

/** The URL of a path below a server that may itself stand below a path. */
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

/** Undefined when there is more than `mostBytes` of it; the connection is closed then. */
async function readText(response: http.IncomingMessage, mostBytes: number): Promise<string | undefined> {
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
    `the answer of Kubernetes, asked to ${what}, has more than ${LARGEST_ANSWER_BYTES} bytes`,
    { reason: ANSWER_TOO_LARGE },
  );
}

/** What the server's Date headers say, carried on by a clock that nobody sets. */
function createServerClock() {
  let seen: { readonly dateMs: number; readonly atMs: number } | undefined;
  return {
    heard(date: string | undefined) {
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

/** The caller's own abort as it is; a deadline with what stood in the way until then. */
function givenUp(request: ApiRequest, last: unknown, error: unknown): unknown {
  if (request.signal.aborted && request.signal.reason?.name !== 'TimeoutError') {
    return request.signal.reason;
  }
  return last ?? OpenShellError.from(error);
}
