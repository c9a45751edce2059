import { resolve } from 'node:path';
import type { DatabaseAddress } from '../../store/entry.js';

const PREFIX = 'sqlite:';

/** `sqlite:PATH`; `sqlite://PATH` and the suffix `?mode=rwc` are accepted as upstream writes them. */
export function parseSqliteUrl(url: string): DatabaseAddress | { readonly complaint: string } {
  const [, path = '', query] = /^sqlite:(?:\/\/)?([^?]*)(?:\?(.*))?$/is.exec(url) ?? [];
  if (query !== undefined && query !== 'mode=rwc') {
    return { complaint: "the parameters behind '?' are not supported; use sqlite:PATH" };
  }
  if (path === '' || path === ':memory:' || path.includes('\0')) {
    return { complaint: 'must name a file, as in sqlite:/var/lib/openshell/openshell.db' };
  }
  const file = resolve(path);
  return { url: PREFIX + file, shown: PREFIX + file, path: file };
}

/** The file of a URL that `parseSqliteUrl` returned. */
export function sqlitePath(url: string): string {
  return url.slice(PREFIX.length);
}
