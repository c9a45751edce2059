import type { SandboxRecord, StoredRequest, TemplateRecord, Tombstone, WorkspaceRecord } from './model.js';

/** `key=value` pairs that must all match. */
export type LabelSelector = ReadonlyMap<string, string>;

export interface Page {
  readonly limit: number;
  readonly offset: number;
  /** Starts after this position, whether or not its object still exists. Undefined: at the first. */
  readonly after?: Position | undefined;
  /** Ends with the row that brings the bytes read to this size. Undefined: only `limit` applies. */
  readonly bytes?: number | undefined;
}

/** A position in the order of lists. */
export interface Position {
  readonly createdAtMs: number;
  readonly name: string;
  readonly id: string;
}

export interface SandboxQuery {
  /** Undefined: all workspaces. */
  readonly workspace?: string;
  readonly driver?: string;
  readonly selector?: LabelSelector;
  /** Undefined: all. */
  readonly page?: Page;
  /** Returns empty environments and hides secrets of drivers: they are not read. */
  readonly withoutSecrets?: boolean;
}

/** The fields that a write may change; identity, workspace, driver and spec stay. */
export type SandboxChange = Partial<
  Omit<
    SandboxRecord,
    | 'id'
    | 'name'
    | 'workspace'
    | 'driver'
    | 'spec'
    | 'createdAtMs'
    | 'resourceVersion'
    | 'labels'
    | 'annotations'
    | 'fromTemplate'
  >
>;

export type WorkspaceChange = Partial<Pick<WorkspaceRecord, 'phase' | 'deletionAtMs'>>;

/** The record that a write stores for a repetition of its request; both are committed, or neither. */
export type Remember<T> = (answer: T) => StoredRequest;

/**
 * Durable state: when a method resolves, its result is on disk. Lists are in order of creation, then name.
 * Errors: NOT_FOUND, ALREADY_EXISTS, ABORTED when the expected resource version is not the stored one,
 * RESOURCE_EXHAUSTED when the disk is full, UNAVAILABLE when the database cannot be used.
 */
export interface Store {
  /** ALREADY_EXISTS when the id, or the name in its workspace, is taken; NOT_FOUND without the workspace. */
  insertSandbox(
    record: Omit<SandboxRecord, 'resourceVersion'>,
    remember?: Remember<SandboxRecord>,
  ): Promise<SandboxRecord>;
  getSandbox(id: string): Promise<SandboxRecord | undefined>;
  findSandbox(workspace: string, name: string): Promise<SandboxRecord | undefined>;
  listSandboxes(query: SandboxQuery): Promise<SandboxRecord[]>;
  /** Rows by driver and phase, for the metrics. */
  countSandboxes(): Promise<{ driver: string; phase: string; count: number }[]>;
  updateSandbox(
    id: string,
    expectedVersion: number,
    change: SandboxChange,
    remember?: Remember<SandboxRecord>,
  ): Promise<SandboxRecord>;
  /** Removes the row and stores a tombstone, in one transaction. False when there was no row. */
  removeSandbox(id: string, deletedAtMs: number): Promise<boolean>;

  insertWorkspace(
    record: Omit<WorkspaceRecord, 'resourceVersion'>,
    remember?: Remember<WorkspaceRecord>,
  ): Promise<WorkspaceRecord>;
  findWorkspace(name: string): Promise<WorkspaceRecord | undefined>;
  listWorkspaces(query: {
    readonly selector?: LabelSelector;
    readonly page?: Page;
  }): Promise<WorkspaceRecord[]>;
  /** To `terminating`: fails as `removeWorkspace` while it has sandboxes. Nothing can be inserted after that. */
  updateWorkspace(
    id: string,
    expectedVersion: number,
    change: WorkspaceChange,
    remember?: Remember<WorkspaceRecord>,
  ): Promise<WorkspaceRecord>;
  /** With its templates. FAILED_PRECONDITION, naming up to ten, while it has sandboxes. False without a row. */
  removeWorkspace(name: string, remember?: Remember<boolean>): Promise<boolean>;

  /** ALREADY_EXISTS when the name in its workspace is taken; NOT_FOUND without the workspace, FAILED_PRECONDITION while it is being deleted. */
  insertTemplate(
    record: Omit<TemplateRecord, 'resourceVersion'>,
    remember?: Remember<TemplateRecord>,
  ): Promise<TemplateRecord>;
  findTemplate(workspace: string, name: string): Promise<TemplateRecord | undefined>;
  listTemplates(query: Omit<SandboxQuery, 'driver'>): Promise<TemplateRecord[]>;
  /** False when there was no row. */
  removeTemplate(workspace: string, name: string, remember?: Remember<boolean>): Promise<boolean>;

  getRequest(subject: string, requestId: string): Promise<StoredRequest | undefined>;
  /** Replaces one with the same subject and id. */
  putRequest(request: StoredRequest): Promise<void>;
  /** Deletes older requests; returns how many. */
  pruneRequests(createdBeforeMs: number): Promise<number>;

  getTombstone(sandboxId: string): Promise<Tombstone | undefined>;
  /** Deletes older tombstones; returns how many. */
  pruneTombstones(deletedBeforeMs: number): Promise<number>;

  /** Small values of the gateway itself, such as its id. */
  getMeta(key: string): Promise<string | undefined>;
  setMeta(key: string, value: string): Promise<void>;

  /** Resolves when the database answers a read. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
