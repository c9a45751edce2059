import { join } from 'node:path';
import { KNOWN_STORES } from '../compute/known-parts.js';
import { nearest } from '../kit/nearest.js';
import type { DatabaseAddress, StoreEntry } from '../store/entry.js';
import type { HomePaths } from './home.js';
import { keyLabel } from './key.js';
import { KEYS } from './keys.js';
import { DEFAULT_ORIGIN, originPlace, type Sourced } from './origin.js';
import type { Problem } from './problem.js';
import { oneOf, quote } from './value-text.js';
import { effective, type Values } from './values.js';

/** The database, from its URL. */
export interface Database extends DatabaseAddress {
  /** In lower case; of a store in this build, or of a known store. */
  readonly scheme: string;
}

/**
 * The configured database, else the default file. A URL of a known store that this build lacks is accepted here: the
 * gateway then refuses to start and names the store. Only its scheme is shown, because it may contain a password.
 */
export function readDatabase(
  values: Values,
  home: HomePaths,
  stores: readonly StoreEntry[],
  report: (problem: Problem) => void,
): Sourced<Database> {
  const given = effective(values.databaseUrl);
  const url = given?.value ?? `sqlite:${join(home.stateDir, 'gateway', 'openshell.db')}`;
  const origin = given?.origin ?? DEFAULT_ORIGIN;
  const scheme = schemeOf(url) ?? '';
  const entry = stores.find(({ schemes }) => schemes.includes(scheme));
  const parsed = entry?.parseUrl(url) ?? withoutStore(scheme, url, stores);
  if (!('complaint' in parsed)) {
    return { value: { scheme, ...parsed }, origin };
  }
  // A URL without a scheme was reported when the key was checked.
  if (scheme !== '') {
    report({ place: originPlace(origin), key: keyLabel(KEYS.databaseUrl), message: parsed.complaint });
  }
  return { value: { scheme, url, shown: '', path: undefined }, origin };
}

function withoutStore(
  scheme: string,
  url: string,
  stores: readonly StoreEntry[],
): DatabaseAddress | { readonly complaint: string } {
  if (KNOWN_STORES.some(({ schemes }) => schemes.includes(scheme))) {
    return { url, shown: `${scheme}:...`, path: undefined };
  }
  const known = [...new Set([...stores, ...KNOWN_STORES].flatMap(({ schemes }) => schemes))];
  const meant = nearest(scheme, known);
  const instead =
    meant === undefined ? `use ${oneOf(known.map((name) => `${name}:`))}` : `did you mean '${meant}:'?`;
  return { complaint: `there is no store for the scheme ${quote(scheme)}; ${instead}` };
}

function schemeOf(url: string): string | undefined {
  return /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase();
}
