import { createHmac, timingSafeEqual } from 'node:crypto';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { invalidArgument } from '../../compute/errors.js';
import type { LabelSelector, Page, Position } from '../../store/store.js';
import { pageLimit } from './limits.js';

/** What a list selects. A token continues only the list that it came from. */
interface ListQuery {
  /** E.g. `sandboxes`. */
  readonly kind: string;
  /** Undefined: all. */
  readonly workspace?: string;
  readonly selector?: LabelSelector | undefined;
}

export interface PageRequest {
  /** 0: the default. More than the maximum counts as the maximum. */
  readonly size: number;
  /** Empty: the first page. */
  readonly token: string;
}

/** A page to read. The reader stops when its response is large enough. */
export interface Listing<T> {
  /** One row more than the page has: it shows that there is another page. */
  readonly rows: AsyncIterable<T>;
  /** The most rows that the page has. */
  readonly limit: number;
  /** The token of the page after that row; empty when the list has no tokens. */
  readonly tokenAfter: (last: T) => string;
}

/** Read at once: about 10 ms of work. */
const READ_BYTES = 512 * 1024;

/** A page whose rows are read in parts, with other work in between. */
export function listing<T extends Position>(
  { limit, ...from }: Page,
  fetch: (page: Page) => Promise<T[]>,
  tokenAfter: (last: T) => string = () => '',
): Listing<T> {
  return { rows: rowsFrom({ limit: limit + 1, ...from }, fetch), limit, tokenAfter };
}

async function* rowsFrom<T extends Position>(
  { limit, offset, after }: Page,
  fetch: (page: Page) => Promise<T[]>,
): AsyncGenerator<T> {
  let last = after;
  for (let left = limit; left > 0; ) {
    const rows = await fetch({
      limit: left,
      offset: left === limit ? offset : 0,
      after: last,
      bytes: READ_BYTES,
    });
    yield* rows;
    left -= rows.length;
    last = rows.at(-1);
    if (last === undefined || left === 0) {
      return;
    }
    await yieldToEvents();
  }
}

/** Lists in pages by opaque tokens, which stay valid while objects are created and deleted. */
export interface Pages {
  /** INVALID_ARGUMENT for a negative size, and for a token that was changed or belongs to another list. */
  read<T extends Position>(
    query: ListQuery,
    request: PageRequest,
    fetch: (page: Page) => Promise<T[]>,
  ): Promise<Listing<T>>;
}

const MAC_BYTES = 16;

/** @param key signs the tokens; with the same key they are valid after a restart */
export function createPages(key: Uint8Array): Pages {
  function sign(query: ListQuery, place: Buffer): Buffer {
    const list = JSON.stringify([query.kind, query.workspace ?? null, [...(query.selector ?? [])].sort()]);
    return createHmac('sha256', key).update(list).update('\0').update(place).digest().subarray(0, MAC_BYTES);
  }

  function write(query: ListQuery, { createdAtMs, name, id }: Position): string {
    const place = Buffer.from(JSON.stringify([createdAtMs, name, id]));
    return Buffer.concat([sign(query, place), place]).toString('base64url');
  }

  function parse(query: ListQuery, token: string): Position {
    const bytes = Buffer.from(token, 'base64url');
    const place = bytes.subarray(MAC_BYTES);
    const isOurs =
      bytes.length > MAC_BYTES &&
      bytes.toString('base64url') === token &&
      timingSafeEqual(bytes.subarray(0, MAC_BYTES), sign(query, place));
    if (!isOurs) {
      throw invalidArgument('page_token does not belong to this list', {
        field: 'page_token',
        reason: 'InvalidPageToken',
        hint: 'repeat the request that returned the token and change only the token, or start without one',
      });
    }
    const [createdAtMs, name, id] = JSON.parse(place.toString()) as [number, string, string];
    return { createdAtMs, name, id };
  }

  return {
    async read(query, { size, token }, fetch) {
      if (size < 0) {
        throw invalidArgument(`page_size ${size} is negative`, { field: 'page_size' });
      }
      const limit = pageLimit(size);
      const after = token === '' ? undefined : parse(query, token);
      return listing({ limit, offset: 0, after }, fetch, (last) => write(query, last));
    },
  };
}
