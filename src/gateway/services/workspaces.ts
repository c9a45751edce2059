import { randomUUID } from 'node:crypto';
import { Code, failedPrecondition, notFound, OpenShellError } from '../../compute/errors.js';
import type { WorkspaceRecord } from '../../store/model.js';
import type { Remember, Store } from '../../store/store.js';
import type { Authorizer } from '../auth/authorizer.js';
import type { Caller } from '../auth/principal.js';
import type { WorkspaceRemoval } from '../lifecycle/workspace-removal.js';
import { checkGiven, checkLabels, checkName, pageLimit, parseSelector } from './limits.js';
import { type Listing, listing, type PageRequest, type Pages } from './pages.js';

export const DEFAULT_WORKSPACE = 'default';

/** `accepted`: the drivers still have to remove what they created for the workspace. */
export type WorkspaceDeletion = 'completed' | 'accepted';

export interface WorkspaceService {
  create(
    caller: Caller,
    input: { name: string; labels: Readonly<Record<string, string>> },
    remember?: Remember<WorkspaceRecord>,
  ): Promise<WorkspaceRecord>;
  get(caller: Caller, name: string): Promise<WorkspaceRecord>;
  list(
    caller: Caller,
    input: { limit: number; offset: number; labelSelector: string },
  ): Promise<Listing<WorkspaceRecord>>;
  page(caller: Caller, labelSelector: string, page: PageRequest): Promise<Listing<WorkspaceRecord>>;
  /**
   * NOT_FOUND when there is none. FAILED_PRECONDITION while it has sandboxes, of which up to ten are named, and for the
   * default workspace.
   */
  delete(caller: Caller, name: string, remember?: Remember<WorkspaceDeletion>): Promise<WorkspaceDeletion>;
  /** The workspace of a request; empty: the default. NOT_FOUND, or FAILED_PRECONDITION while it is deleted. */
  resolveActive(caller: Caller, name: string): Promise<string>;
  /** Creates the default workspace if there is none. */
  ensureDefault(): Promise<void>;
}

export function createWorkspaceService(options: {
  store: Store;
  authorizer: Authorizer;
  pages: Pages;
  removal: Pick<WorkspaceRemoval, 'needed' | 'begin'>;
  now: () => number;
}): WorkspaceService {
  const { store, authorizer, now } = options;

  function insert(
    name: string,
    labels: Readonly<Record<string, string>>,
    remember?: Remember<WorkspaceRecord>,
  ) {
    const meta = { id: randomUUID(), name, labels, annotations: {}, createdAtMs: now(), deletionAtMs: 0 };
    return store.insertWorkspace({ ...meta, phase: 'active' }, remember);
  }

  async function get(name: string): Promise<WorkspaceRecord> {
    const found = await store.findWorkspace(name);
    if (found === undefined) {
      throw notFound(`workspace '${name}' not found`, {
        reason: 'WorkspaceNotFound',
        hint: 'create it, or use another one',
      });
    }
    return found;
  }

  async function granted(caller: Caller, name: string): Promise<WorkspaceRecord> {
    await authorizer.require(caller, { workspace: name });
    return get(name);
  }

  async function terminate(name: string, remember?: Remember<WorkspaceDeletion>): Promise<void> {
    const { id, phase, resourceVersion } = await get(name);
    if (phase === 'terminating') {
      return;
    }
    const change = { phase: 'terminating', deletionAtMs: now() } as const;
    try {
      await store.updateWorkspace(id, resourceVersion, change, remember && (() => remember('accepted')));
    } catch (error) {
      // Another caller changed it meanwhile, most likely to the same state.
      if (!(error instanceof OpenShellError) || error.code !== Code.ABORTED) {
        throw error;
      }
      await terminate(name, remember);
    }
  }

  return {
    async create(caller, { name, labels }, remember) {
      await authorizer.require(caller, { workspace: undefined });
      checkName(name);
      checkLabels(labels);
      return insert(name, labels, remember);
    },
    async get(caller, name) {
      checkGiven(name, 'name');
      return granted(caller, name);
    },
    async list(caller, { limit, offset, labelSelector }) {
      await authorizer.require(caller, { workspace: undefined });
      const selector = parseSelector(labelSelector);
      return listing({ limit: pageLimit(limit), offset }, (page) => store.listWorkspaces({ page, selector }));
    },
    async page(caller, labelSelector, page) {
      await authorizer.require(caller, { workspace: undefined });
      const selector = parseSelector(labelSelector);
      return options.pages.read({ kind: 'workspaces', selector }, page, (at) =>
        store.listWorkspaces({ page: at, selector }),
      );
    },
    async delete(caller, name, remember) {
      checkGiven(name, 'name');
      await authorizer.require(caller, { workspace: name });
      if (name === DEFAULT_WORKSPACE) {
        throw failedPrecondition("the workspace 'default' cannot be deleted");
      }
      if (await options.removal.needed()) {
        await terminate(name, remember);
        options.removal.begin(name);
        return 'accepted';
      }
      await get(name);
      await store.removeWorkspace(name, remember && (() => remember('completed')));
      return 'completed';
    },
    async resolveActive(caller, name) {
      const workspace = await granted(caller, name || DEFAULT_WORKSPACE);
      if (workspace.phase !== 'active') {
        throw failedPrecondition(`workspace '${workspace.name}' is being deleted`, {
          reason: 'WorkspaceTerminating',
        });
      }
      return workspace.name;
    },
    async ensureDefault() {
      if ((await store.findWorkspace(DEFAULT_WORKSPACE)) === undefined) {
        await insert(DEFAULT_WORKSPACE, {});
      }
    },
  };
}
