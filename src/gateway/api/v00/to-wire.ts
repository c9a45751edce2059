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
import { publicPhase } from '../../lifecycle/restart-policy.js';
import type { SandboxLogLine } from '../../observe/sandbox-log.js';
import { toCommonMeta, toCommonStatus } from '../shared/sandbox.js';
import { type ShownEnvironment, toWireSpec } from '../stored-spec.js';

/** `orphaned`: why the sandbox's state is not known, if so. */
export function toSandbox(
  record: SandboxRecord,
  orphaned: string | undefined,
  environment: ShownEnvironment,
): MessageInitShape<typeof SandboxSchema> {
  return {
    metadata: { ...toMeta(record), workspace: record.workspace },
    spec: toWireSpec(record.spec, environment),
    status: {
      ...toCommonStatus(record, orphaned, ({ transitionAtMs, ...condition }) => ({
        ...condition,
        lastTransitionTime: new Date(transitionAtMs).toISOString(),
      })),
      sandboxName: record.resourceName,
      phase: orphaned === undefined ? SandboxPhase[publicPhase(record)] : SandboxPhase.UNKNOWN,
    },
  };
}

function toMeta(meta: ObjectMeta) {
  return {
    ...toCommonMeta(meta),
    createdAtMs: BigInt(meta.createdAtMs),
    deletionTimestampMs: BigInt(meta.deletionAtMs),
  };
}

export function toWorkspace(record: WorkspaceRecord): MessageInitShape<typeof WorkspaceSchema> {
  return {
    metadata: toMeta(record),
    status: { phase: record.phase === 'active' ? WorkspacePhase.ACTIVE : WorkspacePhase.TERMINATING },
  };
}

export function toLogLine({
  timeMs,
  ...line
}: SandboxLogLine): MessageInitShape<typeof SandboxLogLineSchema> {
  return { ...line, timestampMs: BigInt(timeMs) };
}

export function toPlatformEvent({
  timestampMs,
  ...event
}: PlatformEvent): MessageInitShape<typeof PlatformEventSchema> {
  return { ...event, timestampMs: BigInt(timestampMs) };
}
