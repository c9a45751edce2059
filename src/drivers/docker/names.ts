import type { SandboxRef } from '../../compute/sandbox.js';
import { MAX_NAME_LENGTH, OWN_PREFIX, plainName } from '../container/names.js';

/** Volumes of single sandboxes; no one else uses this prefix. */
export const WORKSPACE_VOLUME_PREFIX = `${OWN_PREFIX}workspace-`;

/** The volume that holds the workspace path of a sandbox with a read-only root. */
export function workspaceVolumeName({ id }: Pick<SandboxRef, 'id'>): string {
  return `${WORKSPACE_VOLUME_PREFIX}${plainName(id)}`.slice(0, MAX_NAME_LENGTH);
}

/** `true` marks a container that only lends its root while a sandbox is being made. */
export const HELPER_LABEL = 'openshell.ai/helper';
