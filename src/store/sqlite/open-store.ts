import { type Logger, silentLogger } from '../../compute/log.js';
import type { Store } from '../store.js';
import { connect } from './connection.js';
import { getMeta, getTombstone, pruneTombstones, setMeta } from './gateway-rows.js';
import { openDatabase } from './open-database.js';
import * as sandboxes from './sandboxes.js';
import * as workspaces from './workspaces.js';

export interface StoreOptions {
  /** The database file. It and its folder are made when missing, mode 0600 and 0700. */
  readonly path: string;
  /** Default: silent. */
  readonly log?: Logger;
}

/**
 * The embedded store: one SQLite file, held by one process at a time.
 * Errors: UNAVAILABLE with reason StoreLocked (another process has it), StoreCorrupt, StoreNotWritable or
 * StoreEngineMissing (no SQLite for this Node); FAILED_PRECONDITION with StoreNewer or StoreForeign;
 * RESOURCE_EXHAUSTED with StoreFull.
 */
export const openStore = async (options: StoreOptions): Promise<Store> => {
  const log = options.log ?? silentLogger;
  const { read, write, close } = connect(await openDatabase(options.path), options.path);
  log.debug('store opened', { path: options.path });
  return {
    insertSandbox: (record) => write((sql) => sandboxes.insertSandbox(sql, record)),
    getSandbox: (id) => read((sql) => sandboxes.getSandbox(sql, id)),
    findSandbox: (workspace, name) => read((sql) => sandboxes.findSandbox(sql, workspace, name)),
    listSandboxes: (query) => read((sql) => sandboxes.listSandboxes(sql, query)),
    countSandboxes: () => read(sandboxes.countSandboxes),
    updateSandbox: (id, version, change) => write((sql) => sandboxes.updateSandbox(sql, id, version, change)),
    removeSandbox: (id, deletedAtMs) => write((sql) => sandboxes.removeSandbox(sql, id, deletedAtMs)),

    insertWorkspace: (record) => write((sql) => workspaces.insertWorkspace(sql, record)),
    findWorkspace: (name) => read((sql) => workspaces.findWorkspace(sql, name)),
    listWorkspaces: (query) => read((sql) => workspaces.listWorkspaces(sql, query)),
    updateWorkspace: (id, version, change) =>
      write((sql) => workspaces.updateWorkspace(sql, id, version, change)),
    removeWorkspace: (name) => write((sql) => workspaces.removeWorkspace(sql, name)),

    getTombstone: (sandboxId) => read((sql) => getTombstone(sql, sandboxId)),
    pruneTombstones: (deletedBeforeMs) => write((sql) => pruneTombstones(sql, deletedBeforeMs)),

    getMeta: (key) => read((sql) => getMeta(sql, key)),
    setMeta: (key, value) => write((sql) => setMeta(sql, key, value)),

    async ping() {
      await read((sql) => sql.get('SELECT 1 FROM meta LIMIT 1'));
    },
    close,
  };
};
