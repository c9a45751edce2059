import { createHmac, timingSafeEqual } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { invalidArgument } from '../../compute/errors.js';
import type { LabelSelector, Page, Position } from '../../store/store.js';
import { pageLimit } from './limits.js';

/** What a list is asked for; a token goes on with the very list that it came from. */
interface ListQuery {
  /** Of what: `sandboxes`. */
  readonly kind: string;
  /** Undefined: all. */
  readonly workspace?: string;
  readonly selector?: LabelSelector | undefined;
}

export interface PageRequest {
  /** 0: the default. More than the cap means the cap. */
  readonly size: number;
  /** Empty: the first page. */
  readonly token: string;
}

/** A page that is still to be read: whoever writes it ends it when it is large enough. */
export interface Listing<T> {
  /** More than belong onto the page: the row behind the last one tells that there is another page. */
  readonly rows: AsyncIterable<T>;
  /** How many rows the page has at most. */
  readonly limit: number;
  /** The token of the page behind that row; empty where pages have none. */
  readonly tokenAfter: (last: T) => string;
}

/** Read at a time: about 10 ms of work. */
const READ_BYTES = 512 * 1024;

/** A page by its place, whose rows are read in parts; between them everything else has its turn. */
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
    await turn();
  }
}

/** Lists in pages by opaque tokens, which stay good while objects come and go. */
export interface Pages {
  /** INVALID_ARGUMENT for a negative size, and for a token that is altered or another list's. */
  read<T extends Position>(
    query: ListQuery,
    request: PageRequest,
    fetch: (page: Page) => Promise<T[]>,
  ): Promise<Listing<T>>;
}

const MAC_BYTES = 16;

/** @param key signs the tokens, which outlive a restart when it does */
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
      throw invalidArgument('page_token is none of this list', {
        field: 'page_token',
        reason: 'InvalidPageToken',
        hint: 'repeat the request that the token came from with nothing but the token changed, or begin without one',
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
