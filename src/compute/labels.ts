import type { SandboxRef } from './sandbox.js';

/** Keys of the labels that identify the owner of an engine's object. */
export const LABEL = {
  managedBy: 'openshell.ai/managed-by',
  gatewayId: 'openshell.ai/gateway-id',
  sandboxId: 'openshell.ai/sandbox-id',
  sandboxName: 'openshell.ai/sandbox-name',
  sandboxNamespace: 'openshell.ai/sandbox-namespace',
  sandboxWorkspace: 'openshell.ai/sandbox-workspace',
  version: 'openshell.ai/gateway-version',
} as const;

/** Prefix of the label keys that users may not set. */
export const RESERVED_LABEL_PREFIX = 'openshell.ai/';

/** The labels of everything that a driver creates for one sandbox; every filter of ours includes the gateway id. */
export function ownerLabels(
  owner: { readonly gatewayId: string; readonly version: string },
  sandbox: SandboxRef & { readonly namespace: string },
): Record<string, string> {
  return {
    [LABEL.managedBy]: 'openshell',
    [LABEL.gatewayId]: owner.gatewayId,
    [LABEL.version]: owner.version,
    [LABEL.sandboxId]: sandbox.id,
    [LABEL.sandboxName]: sandbox.name,
    [LABEL.sandboxNamespace]: sandbox.namespace,
    [LABEL.sandboxWorkspace]: sandbox.workspace,
  };
}
