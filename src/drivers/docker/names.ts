import type { SandboxRef } from '../../compute/sandbox.js';

/** The engine's own limit is higher; tools that list containers cut off long before. */
const MAX_LENGTH = 200;

function clean(part: string) {
  return part.replace(/[^a-zA-Z0-9_.-]/g, '-');
}

/** `openshell-{workspace}--{name}-{id}`: for people. Ours are found by label, never by name. */
export function containerName({ workspace, name, id }: SandboxRef): string {
  const tail = `-${clean(id)}`.slice(-100);
  return `openshell-${clean(workspace)}--${clean(name)}`.slice(0, MAX_LENGTH - tail.length) + tail;
}

/** Volumes of single sandboxes; nobody else's are called so. */
export const WORKSPACE_VOLUME_PREFIX = 'openshell-workspace-';

/** The volume that holds the workspace path of a sandbox with a read-only root. */
export function workspaceVolumeName({ id }: Pick<SandboxRef, 'id'>): string {
  return `${WORKSPACE_VOLUME_PREFIX}${clean(id)}`.slice(0, MAX_LENGTH);
}

/** `true` marks a container that only lends its root while a sandbox is being made. */
export const HELPER_LABEL = 'openshell.ai/helper';
