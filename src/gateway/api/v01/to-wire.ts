import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { PlatformEvent } from '../../../compute/driver.js';
import type { ObjectMeta, RestartPolicy, SandboxRecord, TemplateRecord } from '../../../store/model.js';
import {
  type PlatformEventSchema,
  type SandboxLogLineSchema,
  SandboxPhase,
  SandboxRestartPolicy,
  type SandboxSchema,
  type SandboxWorkloadTemplateSchema,
} from '../../../wire/v01/index.js';
import { isRestartPending, publicPhase } from '../../lifecycle/restart-policy.js';
import type { SandboxLogLine } from '../../observe/sandbox-log.js';
import { toCommonMeta, toCommonStatus } from '../shared/sandbox.js';
import { type ShownEnvironment, toWireDriverConfig, toWireEnvironment, toWireSpec } from '../stored-spec.js';

const RESTART_POLICY: Record<RestartPolicy, SandboxRestartPolicy> = {
  never: SandboxRestartPolicy.NEVER,
  'on-failure': SandboxRestartPolicy.ON_FAILURE,
  always: SandboxRestartPolicy.ALWAYS,
};

function phaseOf(record: SandboxRecord): SandboxPhase {
  const phase = publicPhase(record);
  return phase === 'ERROR' && record.phase === 'exited' && record.exitCode === 0
    ? SandboxPhase.COMPLETED
    : SandboxPhase[phase];
}

/** `orphaned`: why the sandbox's state is not known, if so. */
export function toSandbox(
  record: SandboxRecord,
  orphaned: string | undefined,
  environment: ShownEnvironment,
): MessageInitShape<typeof SandboxSchema> {
  return {
    metadata: { ...toMeta(record), workspace: record.workspace },
    spec: {
      ...toWireSpec(record.spec, environment),
      restartPolicy: RESTART_POLICY[record.spec.restartPolicy],
    },
    status: {
      ...toCommonStatus(record, orphaned, ({ transitionAtMs, ...condition }) => ({
        ...condition,
        transitionTime: toTime(transitionAtMs),
      })),
      phase: orphaned === undefined ? phaseOf(record) : SandboxPhase.UNKNOWN,
      restartCount: record.restarts.count,
      nextRestartTime: isRestartPending(record) ? toTime(record.restarts.nextAtMs) : undefined,
      mainProcessStartedTime: toTime(record.startedAtMs),
    },
    createdFromWorkloadTemplate: record.fromTemplate && {
      name: record.fromTemplate.name,
      resourceVersion: String(record.fromTemplate.resourceVersion),
    },
  };
}

/** 0: not set. */
function toTime(ms: number): Timestamp | undefined {
  return ms === 0 ? undefined : timestampFromMs(ms);
}

function toMeta(meta: ObjectMeta) {
  return {
    ...toCommonMeta(meta),
    createdTime: toTime(meta.createdAtMs),
    deletionTime: toTime(meta.deletionAtMs),
  };
}

export function toTemplate(
  record: TemplateRecord,
  environment: ShownEnvironment,
): MessageInitShape<typeof SandboxWorkloadTemplateSchema> {
  return {
    metadata: { ...toMeta(record), workspace: record.workspace },
    spec: {
      workload: {
        image: record.image,
        environment: toWireEnvironment(record.environment, environment),
        resources: { cpu: record.cpu, memory: record.memory, gpu: record.gpu },
      },
      driverConfig: toWireDriverConfig(record.driverConfig),
    },
  };
}

export function toLogLine({
  timeMs,
  ...line
}: SandboxLogLine): MessageInitShape<typeof SandboxLogLineSchema> {
  return { ...line, eventTime: toTime(timeMs) };
}

export function toPlatformEvent({
  timestampMs,
  ...event
}: PlatformEvent): MessageInitShape<typeof PlatformEventSchema> {
  return { ...event, eventTime: toTime(timestampMs) };
}
