import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { databasePath } from './records.js';
import { storeSuite } from './suite.js';

storeSuite('sqlite', async (t) => {
  const path = databasePath(t);
  return { open: () => openStore({ path }) };
});
