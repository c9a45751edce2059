import { randomUUID } from 'node:crypto';
import { failedPrecondition, notFound } from '../../compute/errors.js';
import type { WorkspaceRecord } from '../../store/model.js';
import type { Remember, Store } from '../../store/store.js';
import { checkLabels, checkName, pageLimit, parseSelector } from './limits.js';
import type { PageOf, PageRequest, Pages } from './pages.js';

export const DEFAULT_WORKSPACE = 'default';

export interface WorkspaceService {
  create(
    input: { name: string; labels: Readonly<Record<string, string>> },
    remember?: Remember<WorkspaceRecord>,
  ): Promise<WorkspaceRecord>;
  get(name: string): Promise<WorkspaceRecord>;
  list(input: { limit: number; offset: number; labelSelector: string }): Promise<WorkspaceRecord[]>;
  page(labelSelector: string, page: PageRequest): Promise<PageOf<WorkspaceRecord>>;
  /**
   * NOT_FOUND unless it is there, FAILED_PRECONDITION, naming up to ten, while sandboxes are in it; also for the
   * default workspace.
   */
  delete(name: string, remember?: Remember<boolean>): Promise<boolean>;
  /** The workspace that a request means: empty is the default one. NOT_FOUND, or FAILED_PRECONDITION while it ends. */
  resolveActive(name: string): Promise<string>;
  /** Makes the default workspace when it is not there. */
  ensureDefault(): Promise<void>;
}

export const createWorkspaceService = (options: {
  store: Store;
  pages: Pages;
  now: () => number;
}): WorkspaceService => {
  const { store, now } = options;

  const insert = (
    name: string,
    labels: Readonly<Record<string, string>>,
    remember?: Remember<WorkspaceRecord>,
  ) =>
    store.insertWorkspace(
      {
        id: randomUUID(),
        name,
        labels,
        annotations: {},
        createdAtMs: now(),
        deletionAtMs: 0,
        phase: 'active',
      },
      remember,
    );

  const get = async (name: string): Promise<WorkspaceRecord> => {
    const found = await store.findWorkspace(name);
    if (found === undefined) throw notFound(`workspace '${name}' not found`, { reason: 'WorkspaceNotFound' });
    return found;
  };

  return {
    async create({ name, labels }, remember) {
      checkName(name);
      checkLabels(labels);
      return insert(name, labels, remember);
    },
    async get(name) {
      if (name === '') checkName(name);
      return get(name);
    },
    list({ limit, offset, labelSelector }) {
      const selector = parseSelector(labelSelector);
      return store.listWorkspaces({
        page: { limit: pageLimit(limit), offset },
        ...(selector === undefined ? {} : { selector }),
      });
    },
    page(labelSelector, page) {
      const selector = parseSelector(labelSelector);
      return options.pages.read({ kind: 'workspaces', selector }, page, (at) =>
        store.listWorkspaces({ page: at, ...(selector === undefined ? {} : { selector }) }),
      );
    },
    async delete(name, remember) {
      if (name === '') checkName(name);
      if (name === DEFAULT_WORKSPACE) throw failedPrecondition("the workspace 'default' cannot be deleted");
      await get(name);
      return store.removeWorkspace(name, remember);
    },
    async resolveActive(name) {
      const workspace = await get(name || DEFAULT_WORKSPACE);
      if (workspace.phase !== 'active') {
        throw failedPrecondition(`workspace '${workspace.name}' is being deleted`, {
          reason: 'WorkspaceTerminating',
        });
      }
      return workspace.name;
    },
    async ensureDefault() {
      if ((await store.findWorkspace(DEFAULT_WORKSPACE)) === undefined) await insert(DEFAULT_WORKSPACE, {});
    },
  };
};
