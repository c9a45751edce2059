import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from '../../compute/log.js';
import type { StoreEntry } from '../../store/entry.js';

/**
 * Loads the code that serves, in parts: between them what else is under way takes its turn, so that the engines answer
 * their probes meanwhile.
 */
export async function loadGateway(log: Logger, store: StoreEntry) {
  await turn();
  const { quietGrpc } = await import('../../rpc/quiet.js');
  quietGrpc(log);
  await turn();
  const { startGateway } = await import('../gateway.js');
  const { openStore } = await store.load();
  return { startGateway, openStore };
}
