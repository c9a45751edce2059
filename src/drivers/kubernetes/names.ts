import { createHash } from 'node:crypto';
import { LABEL } from '../../compute/labels.js';
import type { SandboxRef } from '../../compute/sandbox.js';

/** The container of a sandbox's main process. */
export const CONTAINER = 'agent';
/** The volume at the workspace path. */
export const WORKSPACE_VOLUME = 'workspace';

export const ANNOTATION = {
  /** On the owner: the Pod to create at each start, see `encodePod`. */
  pod: 'openshell.ai/pod',
  /** On the owner: proves that the Pod is ours, see `createPodSeal`. */
  podSignature: 'openshell.ai/pod-signature',
  /** On the owner: the driver's last action, one of STATE. */
  state: 'openshell.ai/state',
} as const;

export const STATE = {
  /** There has been no Pod yet: the create is in progress or was interrupted. */
  creating: 'creating',
  started: 'started',
  stopped: 'stopped',
  /** The cluster's controller creates the Pod. */
  held: 'held',
} as const;

/** Resources that may own a sandbox's Pod and outlive it. */
export type OwnerKind = 'persistentvolumeclaims' | 'sandboxes';

/** API groups of resources outside the core group. */
const GROUPS: Readonly<Record<string, string>> = {
  sandboxes: '/apis/agents.x-k8s.io/v1alpha1',
  networkpolicies: '/apis/networking.k8s.io/v1',
};

function groupOf(resource: string): string {
  return GROUPS[resource] ?? '/api/v1';
}

export type WorkspaceMode = 'shared' | 'managed';

/** Where a sandbox's objects are; all have the same name. */
export interface Place {
  readonly namespace: string;
  readonly name: string;
}

/** The namespaces and names of one gateway's objects. */
export interface Names {
  readonly mode: WorkspaceMode;
  /** Part of every query: a gateway never sees another's objects. */
  readonly ownSelector: string;
  namespaceOf(workspace: string): string;
  placeOf(ref: SandboxRef): Place;
  /** The API path of a resource in one namespace. */
  path(namespace: string, resource: string, name?: string): string;
  /** The API path of a resource in every namespace that may hold sandboxes. */
  everywhere(resource: string): string;
}

const LONGEST_NAME = 63;

export function createNames(options: { gatewayId: string; mode: WorkspaceMode; namespace: string }): Names {
  const { gatewayId, mode, namespace } = options;
  function namespaceOf(workspace: string): string {
    return mode === 'shared' ? namespace : shorten(`openshell-${gatewayId}-`, workspace);
  }

  function path(inNamespace: string, resource: string, name?: string): string {
    return `${groupOf(resource)}/namespaces/${inNamespace}/${resource}${name === undefined ? '' : `/${name}`}`;
  }

  return {
    mode,
    ownSelector: `${LABEL.gatewayId}=${gatewayId}`,
    namespaceOf,
    placeOf: (ref) => ({
      namespace: namespaceOf(ref.workspace),
      name: mode === 'shared' ? `${ref.workspace}--${ref.name}` : ref.name,
    }),
    path,
    everywhere: (resource) =>
      mode === 'shared' ? path(namespace, resource) : `${groupOf(resource)}/${resource}`,
  };
}

/** Namespace names have at most 63 characters: a longer workspace name is cut and ends in a digest. */
function shorten(prefix: string, workspace: string): string {
  const name = prefix + workspace;
  if (name.length <= LONGEST_NAME) {
    return name;
  }
  const digest = createHash('sha256').update(workspace).digest('hex').slice(0, 8);
  return `${prefix}${workspace.slice(0, LONGEST_NAME - prefix.length - 9)}-${digest}`.replace(/-+/g, '-');
}
