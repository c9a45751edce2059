import type {
  SandboxRecord,
  StoredRequest,
  TemplateRecord,
  Tombstone,
  WorkspaceRecord,
} from '../../dist/store/model.js';
import {
  changedSandbox,
  changedWorkspace,
  NAMES_TO_READ,
  newSandbox,
  newTemplate,
  newWorkspace,
  requireEmpty,
} from '../../dist/store/rules.js';
import { specWithoutSecrets, withoutSecrets } from '../../dist/store/secrets.js';
import type { LabelSelector, Page, Remember, Store } from '../../dist/store/store.js';

function byAge(a: { createdAtMs: number; name: string; id: string }, b: typeof a): number {
  return a.createdAtMs - b.createdAtMs || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1);
}

function matches(labels: Readonly<Record<string, string>>, selector: LabelSelector | undefined): boolean {
  return [...(selector ?? [])].every(([key, value]) => labels[key] === value);
}

function cut<T extends Parameters<typeof byAge>[0]>(rows: T[], page: Page | undefined): T[] {
  if (page === undefined) {
    return rows;
  }
  const { after, offset, limit, bytes } = page;
  const behind = after === undefined ? rows : rows.filter((row) => byAge(row, after) > 0);
  // Nearly every row is larger than a few bytes: then one is all.
  return behind.slice(offset, offset + Math.min(limit, bytes === undefined ? limit : 1));
}

/** The store as one would explain it: what a real one is compared with, over the same rules of the domain. */
export function createMemoryStore(): Store {
  const sandboxes = new Map<string, SandboxRecord>();
  const workspaces = new Map<string, WorkspaceRecord>();
  const tombstones = new Map<string, Tombstone>();
  const meta = new Map<string, string>();
  const templates = new Map<string, TemplateRecord>();
  const requests = new Map<string, StoredRequest>();
  const putRequest = (request: StoredRequest) =>
    requests.set(`${request.subject} ${request.requestId}`, request);
  const and = <T>(remember: Remember<T> | undefined, answer: T): T => {
    if (remember !== undefined) {
      putRequest(remember(answer));
    }
    return answer;
  };
  const inWorkspace = (name: string) => [...sandboxes.values()].filter((row) => row.workspace === name);
  const firstIn = (name: string) =>
    inWorkspace(name)
      .sort(byAge)
      .slice(0, NAMES_TO_READ)
      .map((row) => row.name);
  return {
    async insertSandbox(given, remember) {
      const record = newSandbox(given, {
        workspace: workspaces.get(given.workspace),
        nameTaken: inWorkspace(given.workspace).some((row) => row.name === given.name),
        idTaken: sandboxes.has(given.id),
      });
      and(remember, record);
      sandboxes.set(given.id, record);
      return record;
    },
    getSandbox: async (id) => sandboxes.get(id),
    findSandbox: async (workspace, name) => inWorkspace(workspace).find((row) => row.name === name),
    async listSandboxes(query) {
      const rows = [...sandboxes.values()]
        .filter((row) => query.workspace === undefined || row.workspace === query.workspace)
        .filter((row) => query.driver === undefined || row.driver === query.driver)
        .filter((row) => matches(row.labels, query.selector));
      const found = cut(rows.sort(byAge), query.page);
      return query.withoutSecrets
        ? found.map((row) => ({ ...row, spec: specWithoutSecrets(row.spec) }))
        : found;
    },
    async countSandboxes() {
      const counts = new Map<string, { driver: string; phase: string; count: number }>();
      for (const { driver, phase } of sandboxes.values()) {
        const key = `${driver} ${phase}`;
        counts.set(key, { driver, phase, count: (counts.get(key)?.count ?? 0) + 1 });
      }
      return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
    },
    async updateSandbox(id, expectedVersion, change, remember) {
      const changed = changedSandbox(id, sandboxes.get(id), expectedVersion, change);
      and(remember, changed);
      sandboxes.set(id, changed);
      return changed;
    },
    async removeSandbox(id, deletedAtMs) {
      const row = sandboxes.get(id);
      if (row === undefined) {
        return false;
      }
      sandboxes.delete(id);
      tombstones.set(id, { sandboxId: id, driver: row.driver, deletedAtMs });
      return true;
    },
    async insertWorkspace(given, remember) {
      const isTaken = [...workspaces.values()].some(({ id, name }) => id === given.id || name === given.name);
      const record = newWorkspace(given, isTaken);
      and(remember, record);
      workspaces.set(given.name, record);
      return record;
    },
    findWorkspace: async (name) => workspaces.get(name),
    listWorkspaces: async (query) =>
      cut(
        [...workspaces.values()].filter((row) => matches(row.labels, query.selector)).sort(byAge),
        query.page,
      ),
    async updateWorkspace(id, expectedVersion, change, remember) {
      const current = [...workspaces.values()].find((row) => row.id === id);
      const changed = changedWorkspace(id, current, expectedVersion, change, firstIn);
      and(remember, changed);
      workspaces.set(changed.name, changed);
      return changed;
    },
    async removeWorkspace(name, remember) {
      requireEmpty(name, firstIn(name));
      for (const [key, row] of templates) {
        if (row.workspace === name) {
          templates.delete(key);
        }
      }
      return and(remember, workspaces.delete(name));
    },
    async insertTemplate(given, remember) {
      const key = `${given.workspace}/${given.name}`;
      const record = newTemplate(given, {
        workspace: workspaces.get(given.workspace),
        nameTaken: templates.has(key),
        idTaken: [...templates.values()].some(({ id }) => id === given.id),
      });
      and(remember, record);
      templates.set(key, record);
      return record;
    },
    findTemplate: async (workspace, name) => templates.get(`${workspace}/${name}`),
    async listTemplates(query) {
      const rows = [...templates.values()]
        .filter((row) => query.workspace === undefined || row.workspace === query.workspace)
        .filter((row) => matches(row.labels, query.selector));
      const found = cut(rows.sort(byAge), query.page);
      return query.withoutSecrets ? found.map(withoutSecrets) : found;
    },
    removeTemplate: async (workspace, name, remember) =>
      and(remember, templates.delete(`${workspace}/${name}`)),
    getRequest: async (subject, requestId) => requests.get(`${subject} ${requestId}`),
    async putRequest(request) {
      putRequest(request);
    },
    async pruneRequests(createdBeforeMs) {
      const old = [...requests].filter(([, request]) => request.createdAtMs < createdBeforeMs);
      for (const [key] of old) {
        requests.delete(key);
      }
      return old.length;
    },
    getTombstone: async (sandboxId) => tombstones.get(sandboxId),
    async pruneTombstones(deletedBeforeMs) {
      const old = [...tombstones.values()].filter((stone) => stone.deletedAtMs < deletedBeforeMs);
      for (const stone of old) {
        tombstones.delete(stone.sandboxId);
      }
      return old.length;
    },
    getMeta: async (key) => meta.get(key),
    async setMeta(key, value) {
      meta.set(key, value);
    },
    async ping() {},
    async close() {},
  };
}
