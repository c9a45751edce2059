import { setImmediate as turn } from 'node:timers/promises';
import type { Logger } from '../../compute/log.js';

/**
 * Loads the code that serves, in parts: between them what else is under way takes its turn, so that the engines answer
 * their probes meanwhile.
 */
export const loadGateway = async (log: Logger) => {
  await turn();
  const { quietGrpc } = await import('../../rpc/quiet.js');
  quietGrpc(log);
  await turn();
  const { startGateway } = await import('../gateway.js');
  const { openStore } = await import('../../store/sqlite/open-store.js');
  return { startGateway, openStore };
};
