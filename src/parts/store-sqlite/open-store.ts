import { setTimeout as pause } from 'node:timers/promises';
import { OpenShellError } from '../../compute/errors.js';
import { type Logger, silentLogger } from '../../compute/log.js';
import type { Remember, Store } from '../../store/store.js';
import { serveBackups } from './backup-server.js';
import { type Connection, connect } from './connection.js';
import { corruptError, FULL_REASON } from './errors.js';
import {
  getMeta,
  getRequest,
  getTombstone,
  pruneRequests,
  pruneTombstones,
  putRequest,
  setMeta,
} from './gateway-rows.js';
import { type OpenedDatabase, openDatabase } from './open-database.js';
import { createReserve, type Reserve } from './reserve.js';
import * as sandboxes from './sandboxes.js';
import { selectPage } from './select.js';
import type { Sql, SqlRow, SqlValue } from './sqlite-module.js';
import * as templates from './templates.js';
import * as workspaces from './workspaces.js';

interface StoreOptions {
  /** The database file. It and its folder are created when missing, mode 0600 and 0700. */
  readonly path: string;
  /** Default: silent. */
  readonly log?: Logger;
  /** Whether another process may copy the open database with `backupDatabase`. */
  readonly backups?: boolean;
  /** A file up to this size is checked before this resolves, a larger one afterwards. */
  readonly checkedAtOpenBytes?: number;
}

/** Even to delete something from a cleanly closed database takes a little space. */
async function openWithReserve(
  { path, checkedAtOpenBytes }: StoreOptions,
  reserve: Reserve,
): Promise<OpenedDatabase> {
  try {
    return await openDatabase(path, checkedAtOpenBytes);
  } catch (error) {
    if (OpenShellError.from(error).reason !== FULL_REASON || !reserve.release()) {
      throw error;
    }
    return openDatabase(path, checkedAtOpenBytes);
  }
}

/**
 * The embedded store: one SQLite file, held by one process at a time.
 * Errors: UNAVAILABLE with reason StoreLocked (another process has it), StoreCorrupt, StoreNotWritable or
 * StoreEngineMissing (no SQLite for this Node); FAILED_PRECONDITION with StoreNewer or StoreForeign;
 * RESOURCE_EXHAUSTED with StoreFull.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const log = options.log ?? silentLogger;
  const reserve = createReserve(`${options.path}-reserve`);
  const { database, checked } = await openWithReserve(options, reserve);
  reserve.restore();
  const { read, write, add, erase, hold, close } = connect(database, options.path, reserve);
  const server = options.backups ? await serveBackups(options.path, hold, log) : undefined;
  const closing = new AbortController();
  let damage: OpenShellError | undefined;
  async function checkLater(): Promise<void> {
    log.info('the database is large: it is checked while the gateway serves', { path: options.path });
    try {
      await checkInBackground(read, closing.signal);
      log.info('the database is sound', { path: options.path });
    } catch (error) {
      if (closing.signal.aborted) {
        return;
      }
      const known = OpenShellError.from(error);
      damage = known.reason === undefined ? corruptError(options.path, known.message, error) : known;
      log.error(damage.text, { error });
    }
  }

  if (!checked) {
    void checkLater();
  }
  log.debug('store opened', { path: options.path });
  return {
    insertSandbox: (record, remember) =>
      commitWithRequest(add, remember, (sql) => sandboxes.insertSandbox(sql, record)),
    getSandbox: (id) => read((sql) => sandboxes.getSandbox(sql, id)),
    findSandbox: (workspace, name) => read((sql) => sandboxes.findSandbox(sql, workspace, name)),
    listSandboxes: (query) => read((sql) => sandboxes.listSandboxes(sql, query)),
    countSandboxes: () => read(sandboxes.countSandboxes),
    updateSandbox: (id, version, change, remember) =>
      commitWithRequest(write, remember, (sql) => sandboxes.updateSandbox(sql, id, version, change)),
    removeSandbox: (id, deletedAtMs) => erase((sql) => sandboxes.removeSandbox(sql, id, deletedAtMs)),

    insertWorkspace: (record, remember) =>
      commitWithRequest(add, remember, (sql) => workspaces.insertWorkspace(sql, record)),
    findWorkspace: (name) => read((sql) => workspaces.findWorkspace(sql, name)),
    listWorkspaces: (query) => read((sql) => workspaces.listWorkspaces(sql, query)),
    updateWorkspace: (id, version, change, remember) =>
      commitWithRequest(write, remember, (sql) => workspaces.updateWorkspace(sql, id, version, change)),
    removeWorkspace: (name, remember) =>
      commitWithRequest(erase, remember, (sql) => workspaces.removeWorkspace(sql, name)),

    insertTemplate: (record, remember) =>
      commitWithRequest(add, remember, (sql) => templates.insertTemplate(sql, record)),
    findTemplate: (workspace, name) => read((sql) => templates.findTemplate(sql, workspace, name)),
    listTemplates: (query) => read((sql) => templates.listTemplates(sql, query)),
    removeTemplate: (workspace, name, remember) =>
      commitWithRequest(erase, remember, (sql) => templates.removeTemplate(sql, workspace, name)),

    getRequest: (subject, requestId) => read((sql) => getRequest(sql, subject, requestId)),
    putRequest: (request) => write((sql) => putRequest(sql, request)),
    pruneRequests: (createdBeforeMs) => write((sql) => pruneRequests(sql, createdBeforeMs)),

    getTombstone: (sandboxId) => read((sql) => getTombstone(sql, sandboxId)),
    pruneTombstones: (deletedBeforeMs) => write((sql) => pruneTombstones(sql, deletedBeforeMs)),

    getMeta: (key) => read((sql) => getMeta(sql, key)),
    setMeta: (key, value) => write((sql) => setMeta(sql, key, value)),

    async ping() {
      if (damage !== undefined) {
        throw damage;
      }
      await read((sql) => sql.get('SELECT 1 FROM meta LIMIT 1'));
    },
    async close() {
      closing.abort();
      await server?.close();
      await close();
    },
  };
}

/** Stores the request, if there is one, in the same transaction as its response. */
function commitWithRequest<T>(
  commit: Connection['write'],
  remember: Remember<T> | undefined,
  work: (sql: Sql) => T,
): Promise<T> {
  return commit((sql) => {
    const answer = work(sql);
    if (remember !== undefined) {
      putRequest(sql, remember(answer));
    }
    return answer;
  });
}

const PAUSE_MS = 5;
const PAGE = { limit: 500, bytes: 512 * 1024 };
const TABLES = ['workspace', 'sandbox', 'template', 'secret'] as const;

/**
 * Reads every row of a database that is too large to be checked before the gateway listens, in small parts. Throws
 * SQLite's error for a damaged page.
 */
async function checkInBackground(read: Connection['read'], signal: AbortSignal): Promise<void> {
  for (const table of TABLES) {
    for (let after: SqlValue | undefined = table === 'secret' ? 0 : ''; after !== undefined; ) {
      const from: SqlValue = after;
      const rows: SqlRow[] = await read((sql) => selectPage(sql, table, from, PAGE));
      after = rows.at(-1)?.id;
      await pause(PAUSE_MS, undefined, { signal });
    }
  }
}
