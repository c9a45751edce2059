import {
  exitedConditions,
  failedConditions,
  runningConditions,
  startingConditions,
  suspendedConditions,
} from '../../../../compute/conditions.js';
import type { ObservedSandbox } from '../../../../compute/sandbox.js';
import type { SandboxRecord } from './record.js';

/** The name of a sandbox's machine in the process list. */
export function machineName(id: string): string {
  return `openshell-${id}`;
}

function conditionsOf({ ending, run }: SandboxRecord) {
  switch (ending?.kind) {
    case 'exited':
      return exitedConditions(ending.exitCode, ending.detail, ending.at);
    case 'stopped':
      return suspendedConditions(ending.at);
    case 'failed':
      return failedConditions(ending.reason, ending.message, ending.at);
    default:
      return run !== undefined && run.runningSince !== ''
        ? runningConditions(run.runningSince)
        : startingConditions('Starting', 'the virtual machine is starting');
  }
}

export function observe(record: SandboxRecord): ObservedSandbox {
  const { id, name, workspace, namespace } = record.sandbox;
  return {
    id,
    name,
    workspace,
    namespace,
    status: {
      resourceName: machineName(id),
      instanceId: record.run?.instanceId ?? '',
      conditions: conditionsOf(record),
      deleting: record.intent === 'delete',
    },
  };
}
