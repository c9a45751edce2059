import type { ObjectMeta, SandboxRecord, StoredCondition } from '../../../store/model.js';
import type { Caller } from '../../auth/principal.js';
import type { SandboxService } from '../../services/sandboxes.js';
import { environmentFor, type ShownEnvironment } from '../stored-spec.js';

/** The fields of ObjectMeta that both generations have. */
export function toCommonMeta({ id, name, labels, annotations, resourceVersion }: ObjectMeta) {
  return { id, name, labels, annotations, resourceVersion: BigInt(resourceVersion) };
}

/** The fields of SandboxStatus that both generations have. `orphaned`: why the sandbox's state is not known, if so. */
export function toCommonStatus<C>(
  record: SandboxRecord,
  orphaned: string | undefined,
  toCondition: (condition: StoredCondition) => C,
) {
  return {
    agentPod: record.resourceName,
    mainProcessInstanceId: record.instanceId,
    exitCode: record.exitCode,
    conditions:
      orphaned === undefined
        ? record.conditions.map(toCondition)
        : [{ type: 'Ready', status: 'Unknown', reason: 'DriverNotRunning', message: orphaned }],
  };
}

/** Encode a sandbox with the environment that the caller may see, or without environment. */
export function sandboxEncoders<W>(
  { orphaned }: SandboxService,
  toSandbox: (record: SandboxRecord, orphaned: string | undefined, environment: ShownEnvironment) => W,
) {
  return {
    sandbox: (record: SandboxRecord, caller: Caller): W =>
      toSandbox(record, orphaned(record), environmentFor(caller)),
    withoutEnvironment: (record: SandboxRecord): W => toSandbox(record, orphaned(record), 'left-out'),
  };
}
