import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { PlatformEvent } from '../../../compute/driver.js';
import type {
  ObjectMeta,
  RestartPolicy,
  SandboxRecord,
  StoredCondition,
  TemplateRecord,
} from '../../../store/model.js';
import {
  type PlatformEventSchema,
  type SandboxLogLineSchema,
  SandboxPhase,
  SandboxRestartPolicy,
  type SandboxSchema,
  type SandboxWorkloadTemplateSchema,
} from '../../../wire/v01/index.js';
import { isRestartPending } from '../../lifecycle/restart-policy.js';
import type { SandboxLogLine } from '../../sandbox-log.js';
import {
  type ShownEnvironment,
  toWireDriverConfig,
  toWireEnvironment,
  toWireGpu,
  toWireSpec,
} from '../stored-spec.js';

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

const RESTART_POLICY: Record<RestartPolicy, SandboxRestartPolicy> = {
  never: SandboxRestartPolicy.NEVER,
  'on-failure': SandboxRestartPolicy.ON_FAILURE,
  always: SandboxRestartPolicy.ALWAYS,
};

/** A sandbox that waits for its restart is starting: whoever waits for it should go on waiting. */
function phaseOf(record: SandboxRecord): SandboxPhase {
  if (isRestartPending(record)) {
    return SandboxPhase.STARTING;
  }
  return record.phase === 'exited' && record.exitCode === 0 ? SandboxPhase.COMPLETED : PHASE[record.phase];
}

/** `orphaned`: why nothing is known of the sandbox now, if so. */
export function toSandbox(
  record: SandboxRecord,
  orphaned: string | undefined,
  environment: ShownEnvironment,
): MessageInitShape<typeof SandboxSchema> {
  return {
    metadata: toMeta(record, record.workspace),
    spec: {
      ...toWireSpec(record.spec, environment),
      restartPolicy: RESTART_POLICY[record.spec.restartPolicy],
    },
    status: {
      agentPod: record.resourceName,
      phase: orphaned === undefined ? phaseOf(record) : SandboxPhase.UNKNOWN,
      mainProcessInstanceId: record.instanceId,
      ...(record.exitCode === undefined ? {} : { exitCode: record.exitCode }),
      conditions:
        orphaned === undefined
          ? record.conditions.map(toCondition)
          : [{ type: 'Ready', status: 'Unknown', reason: 'DriverNotRunning', message: orphaned }],
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

function toCondition({ transitionAtMs, ...condition }: StoredCondition) {
  return {
    ...condition,
    transitionTime: toTime(transitionAtMs),
  };
}

/** 0 is no time. */
function toTime(ms: number): Timestamp | undefined {
  return ms === 0 ? undefined : timestampFromMs(ms);
}

function toMeta(meta: ObjectMeta, workspace: string) {
  return {
    id: meta.id,
    name: meta.name,
    labels: meta.labels,
    resourceVersion: BigInt(meta.resourceVersion),
    annotations: meta.annotations,
    workspace,
    createdTime: toTime(meta.createdAtMs),
    deletionTime: toTime(meta.deletionAtMs),
  };
}

export function toTemplate(
  record: TemplateRecord,
  environment: ShownEnvironment,
): MessageInitShape<typeof SandboxWorkloadTemplateSchema> {
  return {
    metadata: toMeta(record, record.workspace),
    spec: {
      workload: {
        image: record.image,
        environment: toWireEnvironment(record.environment, environment),
        resources: {
          cpu: record.cpu,
          memory: record.memory,
          ...(record.gpu === undefined ? {} : { gpu: toWireGpu(record.gpu) }),
        },
      },
      ...toWireDriverConfig(record.driverConfig),
    },
  };
}

export function toLogLine(line: SandboxLogLine): MessageInitShape<typeof SandboxLogLineSchema> {
  return {
    sandboxId: line.sandboxId,
    eventTime: toTime(line.timeMs),
    level: line.level,
    target: line.target,
    message: line.message,
    source: line.source,
    fields: line.fields,
  };
}

export function toPlatformEvent(event: PlatformEvent): MessageInitShape<typeof PlatformEventSchema> {
  return {
    eventTime: toTime(event.timestampMs),
    source: event.source,
    type: event.type,
    reason: event.reason,
    message: event.message,
    metadata: event.metadata,
  };
}
