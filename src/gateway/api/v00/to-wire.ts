import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PlatformEvent } from '../../../compute/driver.js';
import type { ObjectMeta, SandboxRecord, WorkspaceRecord } from '../../../store/model.js';
import {
  type PlatformEventSchema,
  type SandboxLogLineSchema,
  SandboxPhase,
  type SandboxSchema,
  WorkspacePhase,
  type WorkspaceSchema,
} from '../../../wire/v00/index.js';
import { isRestartPending } from '../../lifecycle/restart-policy.js';
import type { SandboxLogLine } from '../../sandbox-log.js';
import { type ShownEnvironment, toWireSpec } from '../stored-spec.js';

const PHASE: Record<SandboxRecord['phase'], SandboxPhase> = {
  provisioning: SandboxPhase.PROVISIONING,
  running: SandboxPhase.READY,
  stopping: SandboxPhase.STOPPING,
  stopped: SandboxPhase.STOPPED,
  starting: SandboxPhase.STARTING,
  exited: SandboxPhase.ERROR,
  failed: SandboxPhase.ERROR,
  deleting: SandboxPhase.DELETING,
};

function phaseOf(record: SandboxRecord): SandboxPhase {
  return isRestartPending(record) ? SandboxPhase.STARTING : PHASE[record.phase];
}

/** `orphaned`: why nothing is known of the sandbox now, if so. */
export function toSandbox(
  record: SandboxRecord,
  orphaned: string | undefined,
  environment: ShownEnvironment,
): MessageInitShape<typeof SandboxSchema> {
  return {
    metadata: toMeta(record, record.workspace),
    spec: toWireSpec(record.spec, environment),
    status: {
      sandboxName: record.resourceName,
      agentPod: record.resourceName,
      phase: orphaned === undefined ? phaseOf(record) : SandboxPhase.UNKNOWN,
      mainProcessInstanceId: record.instanceId,
      ...(record.exitCode === undefined ? {} : { exitCode: record.exitCode }),
      conditions:
        orphaned === undefined
          ? record.conditions.map(({ transitionAtMs, ...condition }) => ({
              ...condition,
              lastTransitionTime: new Date(transitionAtMs).toISOString(),
            }))
          : [{ type: 'Ready', status: 'Unknown', reason: 'DriverNotRunning', message: orphaned }],
    },
  };
}

function toMeta(meta: ObjectMeta, workspace: string) {
  return {
    id: meta.id,
    name: meta.name,
    createdAtMs: BigInt(meta.createdAtMs),
    labels: meta.labels,
    resourceVersion: BigInt(meta.resourceVersion),
    annotations: meta.annotations,
    workspace,
    deletionTimestampMs: BigInt(meta.deletionAtMs),
  };
}

export function toWorkspace(record: WorkspaceRecord): MessageInitShape<typeof WorkspaceSchema> {
  return {
    metadata: toMeta(record, ''),
    status: { phase: record.phase === 'active' ? WorkspacePhase.ACTIVE : WorkspacePhase.TERMINATING },
  };
}

export function toLogLine(line: SandboxLogLine): MessageInitShape<typeof SandboxLogLineSchema> {
  return {
    sandboxId: line.sandboxId,
    timestampMs: BigInt(line.timeMs),
    level: line.level,
    target: line.target,
    message: line.message,
    source: line.source,
    fields: line.fields,
  };
}

export function toPlatformEvent(event: PlatformEvent): MessageInitShape<typeof PlatformEventSchema> {
  return {
    timestampMs: BigInt(event.timestampMs),
    source: event.source,
    type: event.type,
    reason: event.reason,
    message: event.message,
    metadata: event.metadata,
  };
}
