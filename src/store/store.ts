import type { SandboxRecord, StoredRequest, TemplateRecord, Tombstone, WorkspaceRecord } from './model.js';

/** `key=value` pairs that must all match. */
export type LabelSelector = ReadonlyMap<string, string>;

export interface Page {
  readonly limit: number;
  readonly offset: number;
  /** Begins behind this place in the order, whether or not its object is still there. Undefined: at the first. */
  readonly after?: Position | undefined;
  /** Ends, however few its rows are, with the one that brings what was read to this size. Undefined: `limit` alone counts. */
  readonly bytes?: number | undefined;
}

/** A place in the order of lists. */
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
  /** Environments are empty in what it gives, and secrets of drivers hidden: they are not read. */
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

/** What a write leaves behind for a repetition of its request; both reach the disk, or neither. */
export type Remember<T> = (answer: T) => StoredRequest;

/**
 * Durable state. What a method resolves with has reached the disk. Lists are in order of creation, then name.
 * Errors: NOT_FOUND, ALREADY_EXISTS, ABORTED when the expected resource version is not the stored one,
 * RESOURCE_EXHAUSTED when the disk is full, UNAVAILABLE when the database cannot be used.
 */
export interface Store {
  /** ALREADY_EXISTS when the id, or the name in its workspace, is taken; NOT_FOUND when the workspace is gone. */
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
  /** Removes the row and leaves a tombstone, in one step. False when there was no row. */
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
  /** To `terminating`: as `removeWorkspace` while sandboxes are in it. From then on nothing is inserted there. */
  updateWorkspace(
    id: string,
    expectedVersion: number,
    change: WorkspaceChange,
    remember?: Remember<WorkspaceRecord>,
  ): Promise<WorkspaceRecord>;
  /** With its templates. FAILED_PRECONDITION, naming up to ten, when sandboxes are in it. False without a row. */
  removeWorkspace(name: string, remember?: Remember<boolean>): Promise<boolean>;

  /** ALREADY_EXISTS when the name in its workspace is taken; NOT_FOUND when the workspace is gone, FAILED_PRECONDITION while it ends. */
  insertTemplate(
    record: Omit<TemplateRecord, 'resourceVersion'>,
    remember?: Remember<TemplateRecord>,
  ): Promise<TemplateRecord>;
  findTemplate(workspace: string, name: string): Promise<TemplateRecord | undefined>;
  listTemplates(query: Omit<SandboxQuery, 'driver'>): Promise<TemplateRecord[]>;
  /** False when there was no row. */
  removeTemplate(workspace: string, name: string, remember?: Remember<boolean>): Promise<boolean>;

  getRequest(subject: string, requestId: string): Promise<StoredRequest | undefined>;
  /** In the place of one with the same subject and id. */
  putRequest(request: StoredRequest): Promise<void>;
  /** Forgets requests older than that; gives their number. */
  pruneRequests(createdBeforeMs: number): Promise<number>;

  getTombstone(sandboxId: string): Promise<Tombstone | undefined>;
  /** Forgets tombstones older than that; gives their number. */
  pruneTombstones(deletedBeforeMs: number): Promise<number>;

  /** Small values of the gateway itself, such as its id. */
  getMeta(key: string): Promise<string | undefined>;
  setMeta(key: string, value: string): Promise<void>;

  /** Resolves when the database answers a read. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
