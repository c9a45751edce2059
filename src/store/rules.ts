import { Code, failedPrecondition, notFound, OpenShellError } from '../compute/errors.js';
import type { SandboxRecord, TemplateRecord, WorkspaceRecord } from './model.js';
import type { SandboxChange, WorkspaceChange } from './store.js';

/**
 * The rules of the domain, the same for every store. A store reads what a rule needs and writes what it returns in one
 * transaction, so that no other write comes between.
 */

/** How many of the sandboxes that prevent a workspace's removal are named. */
const MAX_NAMED = 10;
/** How many names a store reads for `requireEmpty`: one extra shows that there are more. */
export const NAMES_TO_READ = MAX_NAMED + 1;

/** What a store found before an insert. */
export interface Found {
  /** The record's workspace. */
  readonly workspace: WorkspaceRecord | undefined;
  /** Whether its name is taken there. */
  readonly nameTaken: boolean;
  readonly idTaken: boolean;
}

/** Returns the sandbox to write. Errors as `Store.insertSandbox`. */
export function newSandbox(given: Omit<SandboxRecord, 'resourceVersion'>, found: Found): SandboxRecord {
  requireRoom('sandbox', given, found);
  return { ...given, resourceVersion: 1 };
}

/** Returns the template to write. Errors as `Store.insertTemplate`. */
export function newTemplate(given: Omit<TemplateRecord, 'resourceVersion'>, found: Found): TemplateRecord {
  requireRoom('sandbox template', given, found);
  return { ...given, resourceVersion: 1 };
}

/** Returns the workspace to write. ALREADY_EXISTS when its name or id is taken. */
export function newWorkspace(
  given: Omit<WorkspaceRecord, 'resourceVersion'>,
  isTaken: boolean,
): WorkspaceRecord {
  if (isTaken) {
    throw alreadyExists(`workspace '${given.name}'`);
  }
  return { ...given, resourceVersion: 1 };
}

/** Returns the changed sandbox to write. Errors as `Store.updateSandbox`. */
export function changedSandbox(
  id: string,
  current: SandboxRecord | undefined,
  expectedVersion: number,
  change: SandboxChange,
): SandboxRecord {
  if (current === undefined) {
    throw notFound(`sandbox not found (id '${id}')`);
  }
  requireVersion(`sandbox '${current.name}'`, expectedVersion, current.resourceVersion);
  return { ...current, ...change, resourceVersion: current.resourceVersion + 1 };
}

/**
 * Returns the changed workspace to write. Errors as `Store.updateWorkspace`.
 *
 * @param sandboxesIn reads the names of the first `NAMES_TO_READ` sandboxes of a workspace, in order
 */
export function changedWorkspace(
  id: string,
  current: WorkspaceRecord | undefined,
  expectedVersion: number,
  change: WorkspaceChange,
  sandboxesIn: (workspace: string) => readonly string[],
): WorkspaceRecord {
  if (current === undefined) {
    throw notFound(`workspace not found (id '${id}')`);
  }
  requireVersion(`workspace '${current.name}'`, expectedVersion, current.resourceVersion);
  if (change.phase === 'terminating') {
    requireEmpty(current.name, sandboxesIn(current.name));
  }
  return { ...current, ...change, resourceVersion: current.resourceVersion + 1 };
}

/** FAILED_PRECONDITION for a workspace with sandboxes, given the names of the first `NAMES_TO_READ` of them, in order. */
export function requireEmpty(workspace: string, sandboxes: readonly string[]): void {
  if (sandboxes.length === 0) {
    return;
  }
  const names = sandboxes.slice(0, MAX_NAMED).join(', ');
  throw failedPrecondition(
    `workspace '${workspace}' still has sandboxes: ${names}${sandboxes.length > MAX_NAMED ? ', ...' : ''}`,
    { reason: 'WorkspaceNotEmpty', hint: 'delete them first' },
  );
}

/** NOT_FOUND without the workspace, FAILED_PRECONDITION while it is being deleted, ALREADY_EXISTS for name and id. */
function requireRoom(
  what: string,
  given: { readonly workspace: string; readonly name: string; readonly id: string },
  { workspace, nameTaken, idTaken }: Found,
): void {
  if (workspace === undefined) {
    throw notFound(`workspace '${given.workspace}' not found`);
  }
  if (workspace.phase !== 'active') {
    throw failedPrecondition(`workspace '${given.workspace}' is being deleted`, {
      reason: 'WorkspaceTerminating',
    });
  }
  if (nameTaken) {
    throw alreadyExists(`${what} '${given.name}'`);
  }
  if (idTaken) {
    throw alreadyExists(`${what} with id '${given.id}'`);
  }
}

/** ABORTED unless the row still has the version that the writer read. */
function requireVersion(what: string, expectedVersion: number, currentVersion: number): void {
  if (expectedVersion === currentVersion) {
    return;
  }
  throw new OpenShellError(
    Code.ABORTED,
    `update of ${what} failed due to concurrent modification (current resource_version: ${currentVersion})`,
    { hint: 'read it again and repeat the change' },
  );
}

function alreadyExists(what: string): OpenShellError {
  return new OpenShellError(Code.ALREADY_EXISTS, `${what} already exists`, {
    hint: 'choose another name, or delete it first',
  });
}
