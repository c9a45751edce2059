import type { WorkspaceMode } from './names.js';
import type { Rest } from './rest.js';
import type { KubernetesSettings } from './settings.js';

/** A permission that the gateway's account needs. */
export interface Permission {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty: cluster-wide. */
  readonly namespace: string;
}

const CORE: Readonly<Record<string, readonly string[]>> = {
  // A WebSocket begins with a GET; newer servers check for create as well.
  'pods/exec': ['get', 'create'],
  'pods/log': ['get'],
  events: ['list', 'watch'],
};

const OWNER_VERBS = ['create', 'get', 'list', 'watch', 'patch', 'delete'];

export const UNSUPPORTED_API =
  "sandbox_api 'agents.x-k8s.io/v1beta1' is not supported yet: use 'pod' or 'agents.x-k8s.io/v1alpha1'";

/** The permissions that the driver needs, exactly those of the chart's Role. */
export function neededPermissions(settings: KubernetesSettings): Permission[] {
  const mode = settings.workspace_mode as WorkspaceMode;
  const namespace = mode === 'shared' ? settings.namespace : '';
  function expand(group: string, table: Readonly<Record<string, readonly string[]>>): Permission[] {
    return Object.entries(table).flatMap(([name, verbs]) => {
      const [resource = '', subresource = ''] = name.split('/');
      return verbs.map((verb) => ({ verb, group, resource, subresource, namespace }));
    });
  }

  return [
    ...expand('', CORE),
    ...(settings.sandbox_api === 'pod'
      ? expand('', {
          pods: ['create', 'get', 'list', 'watch', 'delete'],
          persistentvolumeclaims: OWNER_VERBS,
        })
      : [
          ...expand('', { pods: ['get', 'list', 'watch'] }),
          ...expand('agents.x-k8s.io', { sandboxes: OWNER_VERBS }),
        ]),
    ...(settings.network_policy
      ? expand('networking.k8s.io', { networkpolicies: ['create', 'list', 'update'] })
      : []),
    ...(mode === 'managed' ? expand('', { namespaces: ['create', 'get', 'list', 'watch', 'delete'] }) : []),
  ];
}

/** `create pods/exec in namespace 'openshell'`. */
export function describePermission(permission: Permission): string {
  const resource = [permission.resource, permission.subresource].filter(Boolean).join('/');
  const group = permission.group === '' ? '' : `.${permission.group}`;
  const where =
    permission.namespace === '' ? 'in the whole cluster' : `in namespace '${permission.namespace}'`;
  return `${permission.verb} ${resource}${group} ${where}`;
}

/** Those that the gateway lacks, according to the API server. */
export async function missingPermissions(
  rest: Rest,
  permissions: readonly Permission[],
  signal: AbortSignal,
): Promise<Permission[]> {
  const allowed = await Promise.all(
    permissions.map(async ({ verb, group, resource, subresource, namespace }) => {
      const review = await rest.json<{ status?: { allowed?: boolean } }>({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: {
            resourceAttributes: {
              verb,
              group,
              resource,
              ...(subresource && { subresource }),
              ...(namespace && { namespace }),
            },
          },
        },
        what: 'review permissions',
        signal,
      });
      return review.status?.allowed === true;
    }),
  );
  return permissions.filter((_, i) => !allowed[i]);
}
