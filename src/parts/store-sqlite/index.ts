import type { StoreModule } from '../../store/entry.js';
import { backupDatabase } from './backup.js';
import { openStore as open } from './open-store.js';
import { sqlitePath } from './url.js';

/** While it is open, another process may copy it with `backup`. */
export const openStore: StoreModule['openStore'] = ({ url, log }) =>
  open({ path: sqlitePath(url), log, backups: true });

export const openBriefly: StoreModule['openBriefly'] = ({ url, log }) => open({ path: sqlitePath(url), log });

export const backup: StoreModule['backup'] = (url, to) => backupDatabase(sqlitePath(url), to);
