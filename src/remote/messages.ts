import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Condition } from '../compute/conditions.js';
import type { DriverEvent, PlatformEvent } from '../compute/driver.js';
import type { DriverSandbox, JsonObject, ObservedSandbox, SandboxRef } from '../compute/sandbox.js';
import type {
  DriverPlatformEvent,
  DriverSandboxSchema,
  WatchSandboxesEvent,
  WatchSandboxesEventSchema,
  DriverSandbox as WireSandbox,
} from '../wire/compute/index.js';

/** Conversions between the compute protocol's messages and the ComputeDriver interface. */

export function toRef(request: { sandboxId: string; sandboxName: string }): SandboxRef {
  return { id: request.sandboxId, name: request.sandboxName, workspace: '' };
}

export function fromRef(ref: SandboxRef) {
  return { sandboxId: ref.id, sandboxName: ref.name };
}

export function toDriverSandbox(wire: WireSandbox): DriverSandbox {
  const { spec } = wire;
  const template = spec?.template;
  const gpu = spec?.resourceRequirements?.gpu;
  return {
    id: wire.id,
    name: wire.name,
    workspace: wire.workspace,
    namespace: wire.namespace,
    spec: {
      logLevel: spec?.logLevel ?? '',
      environment: { ...spec?.environment },
      template: {
        image: template?.image ?? '',
        labels: { ...template?.labels },
        environment: { ...template?.environment },
        resources: {
          cpuRequest: template?.resources?.cpuRequest ?? '',
          cpuLimit: template?.resources?.cpuLimit ?? '',
          memoryRequest: template?.resources?.memoryRequest ?? '',
          memoryLimit: template?.resources?.memoryLimit ?? '',
        },
        platformConfig: (template?.platformConfig ?? {}) as JsonObject,
        driverConfig: (template?.driverConfig ?? {}) as JsonObject,
      },
      gpu: gpu === undefined ? undefined : { count: gpu.count },
      command: [...(spec?.command ?? [])],
      tty: spec?.tty ?? false,
    },
  };
}

export function fromDriverSandbox(sandbox: DriverSandbox): MessageInitShape<typeof DriverSandboxSchema> {
  const { spec } = sandbox;
  const { template } = spec;
  return {
    id: sandbox.id,
    name: sandbox.name,
    workspace: sandbox.workspace,
    namespace: sandbox.namespace,
    spec: {
      logLevel: spec.logLevel,
      environment: { ...spec.environment },
      template: {
        image: template.image,
        labels: { ...template.labels },
        environment: { ...template.environment },
        resources: template.resources,
        platformConfig: template.platformConfig,
        driverConfig: template.driverConfig,
      },
      ...(spec.gpu === undefined
        ? {}
        : { resourceRequirements: { gpu: spec.gpu.count === undefined ? {} : { count: spec.gpu.count } } }),
      command: [...spec.command],
      tty: spec.tty,
    },
  };
}

export function toObserved(wire: WireSandbox): ObservedSandbox {
  return {
    id: wire.id,
    name: wire.name,
    workspace: wire.workspace,
    namespace: wire.namespace,
    status: {
      resourceName: wire.status?.sandboxName ?? '',
      instanceId: wire.status?.instanceId ?? '',
      conditions: (wire.status?.conditions ?? []).map(
        ({ type, status, reason, message, lastTransitionTime }) => ({
          type,
          status: toConditionStatus(status),
          reason,
          message,
          lastTransitionTime,
        }),
      ),
      deleting: wire.status?.deleting ?? false,
    },
  };
}

function toConditionStatus(text: string): Condition['status'] {
  return text === 'True' || text === 'False' ? text : 'Unknown';
}

export function fromObserved(observed: ObservedSandbox): MessageInitShape<typeof DriverSandboxSchema> {
  return {
    id: observed.id,
    name: observed.name,
    workspace: observed.workspace,
    namespace: observed.namespace,
    status: {
      sandboxName: observed.status.resourceName,
      instanceId: observed.status.instanceId,
      conditions: [...observed.status.conditions],
      deleting: observed.status.deleting,
    },
  };
}

/** Undefined for `synced`, which the protocol does not have. */
export function fromEvent(
  event: DriverEvent,
): MessageInitShape<typeof WatchSandboxesEventSchema> | undefined {
  switch (event.type) {
    case 'sandbox':
      return { payload: { case: 'sandbox', value: { sandbox: fromObserved(event.sandbox) } } };
    case 'deleted':
      return { payload: { case: 'deleted', value: { sandboxId: event.id } } };
    case 'platform':
      return {
        payload: {
          case: 'platformEvent',
          value: {
            sandboxId: event.id,
            event: {
              ...event.event,
              timestampMs: BigInt(event.event.timestampMs),
              metadata: { ...event.event.metadata },
            },
          },
        },
      };
    case 'synced':
      return undefined;
  }
}

export function toEvent({ payload }: WatchSandboxesEvent): DriverEvent | undefined {
  switch (payload.case) {
    case 'sandbox':
      return payload.value.sandbox && { type: 'sandbox', sandbox: toObserved(payload.value.sandbox) };
    case 'deleted':
      return { type: 'deleted', id: payload.value.sandboxId };
    case 'platformEvent': {
      const { sandboxId, event } = payload.value;
      return event && { type: 'platform', id: sandboxId, event: toPlatformEvent(event) };
    }
    default:
      return undefined;
  }
}

function toPlatformEvent(event: DriverPlatformEvent): PlatformEvent {
  return {
    timestampMs: Number(event.timestampMs),
    source: event.source,
    type: event.type === 'Warning' ? 'Warning' : 'Normal',
    reason: event.reason,
    message: event.message,
    metadata: { ...event.metadata },
  };
}
