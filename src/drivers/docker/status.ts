import type { ContainerInfo, ContainerInspectInfo } from 'dockerode';
import {
  type Condition,
  exitedConditions,
  failedConditions,
  REASON_CREATED,
  runningConditions,
  startingConditions,
} from '../../compute/conditions.js';
import { LABEL } from '../../compute/labels.js';
import type { ObservedSandbox } from '../../compute/sandbox.js';

/** The time of something that has not happened. */
const NEVER = '0001-01-01T00:00:00Z';

function conditionsOf(state: ContainerInspectInfo['State']): Condition[] {
  switch (state.Status) {
    case 'created':
      return startingConditions(REASON_CREATED, 'the container exists and was never started');
    case 'running':
      return runningConditions(state.StartedAt);
    case 'restarting':
      return startingConditions('Starting', 'the engine is restarting the container');
    case 'exited': {
      const detail = state.OOMKilled
        ? `OOMKilled: the main process was over the memory limit (code ${state.ExitCode})`
        : state.Error;
      return exitedConditions(state.ExitCode, detail, state.FinishedAt);
    }
    case 'paused':
      return failedConditions('ContainerPaused', 'somebody paused the container; unpause it on the engine');
    default:
      return failedConditions('ContainerDead', `the engine calls the container '${state.Status}'`);
  }
}

/** A container as the gateway sees it. */
export function observedSandbox(info: ContainerInspectInfo): ObservedSandbox {
  const labels = info.Config.Labels ?? {};
  const started = info.State.StartedAt;
  return {
    id: labels[LABEL.sandboxId] ?? '',
    name: labels[LABEL.sandboxName] ?? '',
    workspace: labels[LABEL.sandboxWorkspace] ?? '',
    namespace: labels[LABEL.sandboxNamespace] ?? '',
    status: {
      resourceName: info.Name.replace(/^\//, ''),
      instanceId: started === NEVER ? '' : `${info.Id.slice(0, 12)}@${started}`,
      conditions: conditionsOf(info.State),
      deleting: (info.State.Status as string) === 'removing',
    },
  };
}

/** A list has no more than this: `running`, `exited 137`. A run that began and ended unseen comes as an event. */
export function listedState({ State, Status }: ContainerInfo): string {
  const exitCode = /^Exited \((-?\d+)\)/.exec(Status)?.[1];
  return exitCode === undefined ? State : `${State} ${exitCode}`;
}

export function seenState({ State }: ContainerInspectInfo): string {
  return State.Status === 'exited' ? `exited ${State.ExitCode}` : State.Status;
}
