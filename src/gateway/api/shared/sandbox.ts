import type { ObjectMeta, SandboxRecord, StoredCondition } from '../../../store/model.js';

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
