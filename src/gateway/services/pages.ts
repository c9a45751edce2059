import { createHmac, timingSafeEqual } from 'node:crypto';
import { invalidArgument } from '../../compute/errors.js';
import type { LabelSelector, Page, Position, Store } from '../../store/store.js';
import { storedKey } from '../identity.js';
import { pageLimit } from './limits.js';

/** What a list is asked for; a token goes on with the very list that it came from. */
export interface ListQuery {
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

export interface PageOf<T> {
  readonly items: readonly T[];
  /** Empty: this was the last page. */
  readonly nextToken: string;
}

/** Lists in pages by opaque tokens, which stay good while objects come and go. */
export interface Pages {
  /** INVALID_ARGUMENT for a negative size, and for a token that is altered or another list's. */
  read<T extends Position>(
    query: ListQuery,
    request: PageRequest,
    fetch: (page: Page) => Promise<T[]>,
  ): Promise<PageOf<T>>;
}

const KEY = 'page_token_key';
const MAC_BYTES = 16;

/** The key that signs page tokens: one for the life of the store, so that tokens outlive a restart. */
export const pageTokenKey = (store: Store): Promise<Buffer> => storedKey(store, KEY);

export const createPages = (key: Uint8Array): Pages => {
  const sign = (query: ListQuery, place: Buffer): Buffer => {
    const list = JSON.stringify([query.kind, query.workspace ?? null, [...(query.selector ?? [])].sort()]);
    return createHmac('sha256', key).update(list).update('\0').update(place).digest().subarray(0, MAC_BYTES);
  };

  const write = (query: ListQuery, { createdAtMs, name, id }: Position): string => {
    const place = Buffer.from(JSON.stringify([createdAtMs, name, id]));
    return Buffer.concat([sign(query, place), place]).toString('base64url');
  };

  const parse = (query: ListQuery, token: string): Position => {
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
  };

  return {
    async read(query, { size, token }, fetch) {
      if (size < 0) throw invalidArgument(`page_size ${size} is negative`, { field: 'page_size' });
      const limit = pageLimit(size);
      const after = token === '' ? undefined : parse(query, token);
      const found = await fetch({ limit: limit + 1, offset: 0, after });
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return { items, nextToken: found.length > limit && last !== undefined ? write(query, last) : '' };
    },
  };
};
