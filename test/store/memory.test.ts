import { createMemoryStore } from './memory-store.js';
import { storeSuite } from './suite.js';

// The suite holds for a store that has nothing in common with SQLite.
storeSuite('memory', async () => {
  const store = createMemoryStore();
  return { open: async () => store };
});
