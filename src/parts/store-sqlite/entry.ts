import type { StoreEntry } from '../../store/entry.js';
import { parseSqliteUrl } from './url.js';

/** One file on this host, held by one gateway. */
const sqlite: StoreEntry<'sqlite'> = {
  kind: 'store',
  name: 'sqlite',
  schemes: ['sqlite'],
  marker: 'openshell-part:store-sqlite',
  settings: {},
  parseUrl: parseSqliteUrl,
  load: () => import('./index.js'),
};

export default sqlite;
