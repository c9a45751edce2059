import { quote } from './value-text.js';

/**
 * The file of a `sqlite:PATH` URL; `sqlite://PATH` and the suffix `?mode=rwc` are understood as upstream writes them.
 * Any other URL is shown by its scheme alone, because it may hold a password.
 */
export const parseDatabaseUrl = (url: string): { readonly path: string } | { readonly complaint: string } => {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return { complaint: 'must be sqlite:PATH' };
  if (scheme !== 'sqlite') {
    return { complaint: `the scheme ${quote(scheme)} is not supported; use sqlite:PATH` };
  }
  const [, path = '', query] = /^sqlite:(?:\/\/)?([^?]*)(?:\?(.*))?$/is.exec(url) ?? [];
  if (query !== undefined && query !== 'mode=rwc') {
    return { complaint: `the parameters ${quote(query)} are not supported; use sqlite:PATH` };
  }
  if (path === '' || path === ':memory:' || path.includes('\0')) {
    return { complaint: 'must name a file, as in sqlite:/var/lib/openshell/openshell.db' };
  }
  return { path };
};
