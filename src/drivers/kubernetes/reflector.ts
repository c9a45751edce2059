import type { IncomingMessage } from 'node:http';
import { Code, OpenShellError } from '../../compute/errors.js';
import { createBackoff } from '../../kit/backoff.js';
import { delay } from '../../kit/deadline.js';
import { wholeLines } from '../../kit/lines.js';
import { isExpired, type ServerState } from './api-errors.js';
import type { KubeObject, Status } from './objects.js';
import type { Query, Rest } from './rest.js';

/** A collection's current items, then each change in order; another `list` replaces everything before it. */
export type Change<T> =
  | { readonly type: 'list'; readonly items: readonly T[] }
  | { readonly type: 'put'; readonly object: T }
  | { readonly type: 'gone'; readonly object: T };

interface ReflectOptions {
  readonly rest: Rest;
  readonly path: string;
  readonly query: Query;
  readonly what: string;
  readonly signal: AbortSignal;
  /** A watch that is silent for this long counts as dead; bookmarks arrive once a minute. */
  readonly idleTimeoutMs?: number;
}

interface WatchLine<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

const IDLE_TIMEOUT_MS = 150_000;
/** The server ends a watch after this time, plus some jitter so that not all end at once. */
const WATCH_SECONDS = 300;
const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 5_000;
/** When the server has been unreachable for this long, the caller receives the error. */
const GIVE_UP_MS = 60_000;
/** etcd stores objects of up to 1.5 MiB, which JSON escapes can make six times as long. */
const LONGEST_CHANGE_BYTES = 16 * 1024 * 1024;

/**
 * Lists, then watches from there. A watch that ends is resumed where it was, so nothing is missed; when the server no
 * longer knows that version, it starts over with a list. Ends when the signal aborts; throws UNAVAILABLE when the server
 * stays unreachable.
 */
export async function* reflect<T extends KubeObject>(
  options: ReflectOptions,
): AsyncGenerator<Change<T>, void> {
  const { rest, path, query, what, signal } = options;
  let version: string | undefined;
  const backoff = createBackoff(RETRY_FIRST_MS * 2, RETRY_MOST_MS);
  let failingSinceMs: number | undefined;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const listed = await rest.list<T>({ path, query, what: `list ${what}`, signal });
        version = listed.resourceVersion;
        yield { type: 'list', items: listed.items };
      }
      const begunMs = performance.now();
      const response = await openWatch(options, version);
      failingSinceMs = undefined;
      backoff.reset();
      for await (const line of readWatch<T>(response, rest, what)) {
        version = line.object.metadata.resourceVersion ?? version;
        if (line.type === 'DELETED') {
          yield { type: 'gone', object: line.object };
        } else if (line.type !== 'BOOKMARK') {
          yield { type: 'put', object: line.object };
        }
      }
      // Avoids a busy loop with a server that ends each watch at once.
      if (performance.now() - begunMs < 1000) {
        await delay(RETRY_FIRST_MS * 5, signal);
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (isExpired(error)) {
        version = undefined;
        continue;
      }
      if (!(error instanceof OpenShellError)) {
        rest.lost(error);
      }
      failingSinceMs ??= performance.now();
      if (!isPassing(error) || performance.now() - failingSinceMs > GIVE_UP_MS) {
        throw error;
      }
      await delay(backoff.next(), signal).catch(() => {});
    }
  }
}

async function openWatch(
  { rest, path, query, what, signal, idleTimeoutMs = IDLE_TIMEOUT_MS }: ReflectOptions,
  version: string,
): Promise<IncomingMessage> {
  const response = await rest.stream({
    path,
    query: {
      ...query,
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: version,
      timeoutSeconds: Math.round(WATCH_SECONDS * (1 + Math.random() / 5)),
    },
    what: `watch ${what}`,
    signal,
  });
  response.setTimeout(idleTimeoutMs, () => response.destroy(new Error('the watch is silent')));
  return response;
}

async function* readWatch<T extends KubeObject>(
  response: IncomingMessage,
  serverState: ServerState,
  what: string,
): AsyncGenerator<WatchLine<T>, void> {
  try {
    function tooLong() {
      return new Error(`watch ${what}: a change of more than ${LONGEST_CHANGE_BYTES} bytes`);
    }

    for await (const text of wholeLines(response, LONGEST_CHANGE_BYTES, tooLong)) {
      if (text === '') {
        continue;
      }
      const parsed = JSON.parse(text) as WatchLine<T>;
      if (parsed.type === 'ERROR') {
        const status = parsed.object as unknown as Status;
        throw serverState.refused(status.code ?? 500, JSON.stringify(status), `watch ${what}`);
      }
      yield parsed;
    }
  } finally {
    response.destroy();
  }
}

/** Anything but a refusal, e.g. a broken connection or an incomplete line. */
function isPassing(error: unknown): boolean {
  return !(error instanceof OpenShellError) || error.code === Code.UNAVAILABLE;
}
