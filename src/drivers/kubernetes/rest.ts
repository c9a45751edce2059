import http from 'node:http';
import https from 'node:https';
import { deadline, delay } from '../../compute/deadline.js';
import { OpenShellError } from '../../compute/errors.js';
import { isStillLoading } from './api-errors.js';
import type { Access, Cluster } from './cluster.js';
import type { KubeList, KubeObject } from './objects.js';
import { createPresence, type Presence } from './presence.js';
import type { Throttle } from './throttle.js';

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface ApiRequest {
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
export interface Rest extends Presence {
  readonly server: URL;
  /** Safe to call for a create too: names are fixed, so one that was done already fails with ALREADY_EXISTS. */
  json<T>(request: ApiRequest): Promise<T>;
  /** Every object of a collection, read in pages. */
  list<T extends KubeObject>(request: ApiRequest): Promise<{ items: T[]; resourceVersion: string }>;
  /** An answer without end, e.g. a watch; the deadline is for its beginning. Not tried again. */
  stream(request: ApiRequest): Promise<http.IncomingMessage>;
  /** Credentials for a connection of another kind. */
  access(): Promise<Access>;
  close(): void;
}

export interface RestOptions {
  readonly cluster: Cluster;
  readonly throttle: Throttle;
  /** Of one call, its retries included. */
  readonly timeoutMs: number;
}

const PAGE_SIZE = 500;
const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 5_000;
/** A server that answers 500 to the same call this often means it. */
const INTERNAL_ERROR_ATTEMPTS = 4;
const BUSY = new Set([429, 502, 503, 504]);

const isPassing = (status: number, refusal: OpenShellError, attempt: number): boolean =>
  BUSY.has(status) || (status === 500 && attempt < INTERNAL_ERROR_ATTEMPTS) || isStillLoading(refusal);

export const createRest = ({ cluster, throttle, timeoutMs }: RestOptions): Rest => {
  const presence = createPresence(cluster.server);
  const once = async (request: ApiRequest, signal: AbortSignal): Promise<http.IncomingMessage> => {
    await throttle.take(signal);
    const { agent, headers } = await cluster.access();
    return send(cluster.server, agent, headers, request, signal);
  };

  const json = async <T>(request: ApiRequest): Promise<T> => {
    const signal = deadline(timeoutMs, request.signal);
    let last: unknown;
    for (let attempt = 1; ; attempt++) {
      let waitMs = backoffMs(attempt);
      try {
        const response = await once(request, signal);
        const status = response.statusCode ?? 0;
        const body = await readText(response);
        if (status >= 200 && status < 300) return JSON.parse(body) as T;
        const refusal = presence.refused(status, body, request.what);
        last = refusal;
        if (status === 401 && attempt === 1) cluster.forget();
        else if (!isPassing(status, refusal, attempt)) throw refusal;
        waitMs = retryAfterMs(response) ?? waitMs;
      } catch (error) {
        if (error instanceof OpenShellError) throw error;
        if (signal.aborted) throw givenUp(request, last, error);
        last = presence.lost(error);
      }
      await delay(waitMs, signal).catch((error) => {
        throw givenUp(request, last, error);
      });
    }
  };

  return {
    ...presence,
    server: cluster.server,
    json,
    async list<T extends KubeObject>(request: ApiRequest) {
      for (;;) {
        const items: T[] = [];
        let next: string | undefined;
        let page: KubeList<T>;
        try {
          do {
            page = await json<KubeList<T>>({
              ...request,
              query: { ...request.query, limit: PAGE_SIZE, continue: next },
            });
            items.push(...page.items);
            next = page.metadata.continue || undefined;
          } while (next !== undefined);
          return { items, resourceVersion: page.metadata.resourceVersion ?? '' };
        } catch (error) {
          // Pages that took too long are forgotten by the server: begin again.
          if (next === undefined || !(error instanceof OpenShellError) || error.reason !== 'Expired')
            throw error;
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
        if (status >= 200 && status < 300) return response;
        if (status === 401) cluster.forget();
        throw presence.refused(status, await readText(response), request.what);
      } catch (error) {
        if (error instanceof OpenShellError || request.signal.aborted) throw error;
        throw presence.lost(error);
      } finally {
        clearTimeout(timer);
      }
    },
    access: () => cluster.access(),
    close: () => cluster.close(),
  };
};

const send = (
  server: URL,
  agent: http.Agent,
  headers: Readonly<Record<string, string>>,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<http.IncomingMessage> =>
  new Promise((resolve, reject) => {
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

/** The URL of a path below a server that may itself stand below a path. */
export const url = (server: URL, path: string, query: Query = {}): URL => {
  const target = new URL(server.pathname.replace(/\/$/, '') + path, server);
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) target.searchParams.append(key, String(one));
  }
  return target;
};

const readText = async (response: http.IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

const backoffMs = (attempt: number): number =>
  Math.min(RETRY_FIRST_MS * 2 ** (attempt - 1), RETRY_MOST_MS) * (0.75 + Math.random() / 2);

const retryAfterMs = (response: http.IncomingMessage): number | undefined => {
  const seconds = Number(response.headers['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, RETRY_MOST_MS * 6) : undefined;
};

/** The caller's own abort as it is; a deadline with what stood in the way until then. */
const givenUp = (request: ApiRequest, last: unknown, error: unknown): unknown => {
  if (request.signal.aborted && request.signal.reason?.name !== 'TimeoutError') return request.signal.reason;
  return last ?? OpenShellError.from(error);
};
