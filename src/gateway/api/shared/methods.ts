import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { ResourceCapabilities } from '../../../compute/driver.js';
import { GENERATIONS } from '../../../wire/generation.js';
import {
  DeleteWorkspaceResponseSchema,
  DeletionOutcome,
  type ResourceCapabilitiesSchema,
  ServiceStatus,
  methods as wire,
} from '../../../wire/v01/index.js';
import { asIs, KEPT_WORKSPACE } from '../../services/kept-answers.js';
import type { Services } from '../../services/services.js';
import type { WorkspaceDeletion } from '../../services/workspaces.js';
import type { Method } from '../method.js';
import { unary } from '../method.js';
import { identityOf } from '../request-identity.js';
import { deletion } from './deletion.js';
import { toWorkspace, varintField } from './workspace.js';

/** The served generations, as build metadata of a semantic version. */
const SERVED = GENERATIONS.map((generation) => `api-${generation}`).join('.');
/** The field number in DeleteWorkspaceResponse that only generation 0.0 has. */
const DELETED = 1;

const OUTCOME: Readonly<Record<WorkspaceDeletion | 'absent', DeletionOutcome>> = {
  completed: DeletionOutcome.COMPLETED,
  accepted: DeletionOutcome.ACCEPTED,
  absent: DeletionOutcome.ALREADY_ABSENT,
};

function toResources(resources: ResourceCapabilities): MessageInitShape<typeof ResourceCapabilitiesSchema> {
  return {
    cpu: { limitSupported: resources.cpuLimit },
    memory: { limitSupported: resources.memoryLimit },
    gpu: {
      defaultSelectionSupported: resources.gpuDefault,
      countSelectionSupported: resources.gpuCount,
    },
  };
}

/**
 * Methods whose requests are the same in both generations, and whose responses carry the fields of both. They use the
 * messages of 0.1; fields that only 0.0 has are added by number.
 */
export function sharedMethods({ workspaces, info, requests }: Services): Method[] {
  return [
    unary(wire.health, () => ({ status: ServiceStatus.HEALTHY, version: info.version })),
    unary(wire.getCurrentUser, (_, { principal }) => {
      if (principal.kind !== 'user') {
        throw new Error(`GetCurrentUser was admitted for ${principal.kind}`);
      }
      const { subject, displayName, roles, provider } = principal;
      return { subject, displayName, roles: [...roles], identityProvider: provider };
    }),
    unary(wire.getGatewayInfo, async (_, { signal }) => ({
      status: ServiceStatus.HEALTHY,
      gatewayVersion: `${info.version}+${SERVED}`,
      computeDrivers: (await info.readyDrivers(signal)).map(({ name, capabilities }) => ({
        name,
        capabilities: {
          driverName: capabilities.driverName,
          driverVersion: capabilities.driverVersion,
          ...(capabilities.resources && { resourceCapabilities: toResources(capabilities.resources) }),
        },
      })),
    })),
    unary(wire.getGatewayConfig, () => ({})),
    unary(wire.createWorkspace, async (request, caller) => ({
      workspace: toWorkspace(
        await requests.once(identityOf(wire.createWorkspace, request, caller), KEPT_WORKSPACE, (remember) =>
          workspaces.create(caller, { name: request.name, labels: { ...request.labels } }, remember),
        ),
      ),
    })),
    unary(wire.getWorkspace, async ({ name }, caller) => ({
      workspace: toWorkspace(await workspaces.get(caller, name)),
    })),
    unary(wire.deleteWorkspace, async (request, caller) => {
      const deleted = await requests.once(
        identityOf(wire.deleteWorkspace, request, caller),
        asIs<WorkspaceDeletion | 'absent'>(),
        (remember) =>
          deletion<WorkspaceDeletion | 'absent'>(request.allowMissing, 'absent', () =>
            workspaces.delete(caller, request.name, remember),
          ),
      );
      const response = create(DeleteWorkspaceResponseSchema, { outcome: OUTCOME[deleted] });
      response.$unknown = [varintField(DELETED, deleted === 'absent' ? 0 : 1)];
      return response;
    }),
  ];
}
