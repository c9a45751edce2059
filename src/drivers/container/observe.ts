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
import type { ContainerInfo } from './engine.js';

/** The sandbox as its container shows it; undefined when the container has no sandbox's labels. */
export function observe({ Id, Name, Config, State }: ContainerInfo): ObservedSandbox | undefined {
  const labels = Config.Labels ?? {};
  const id = labels[LABEL.sandboxId];
  if (id === undefined) {
    return undefined;
  }
  return {
    id,
    name: labels[LABEL.sandboxName] ?? '',
    workspace: labels[LABEL.sandboxWorkspace] ?? '',
    namespace: labels[LABEL.sandboxNamespace] ?? '',
    status: {
      resourceName: Name.replace(/^\//, ''),
      // Container and moment of its start; empty before the first.
      instanceId: State.StartedAt.startsWith('0001-') ? '' : `${Id.slice(0, 12)}@${State.StartedAt}`,
      conditions: conditionsOf(State),
      deleting: State.Status === 'removing',
    },
  };
}

function conditionsOf(state: ContainerInfo['State']): Condition[] {
  switch (state.Status) {
    // A container that is being stopped still runs until it has ended.
    case 'running':
    case 'stopping':
      return runningConditions(state.StartedAt);
    case 'exited':
    case 'stopped': {
      const detail = state.OOMKilled
        ? `OOMKilled: the main process was over the memory limit (code ${state.ExitCode})`
        : state.Error;
      return exitedConditions(state.ExitCode, detail, state.FinishedAt);
    }
    case 'paused':
      return failedConditions('ContainerPaused', 'the container was paused on the engine; unpause it there');
    case 'configured':
    case 'created':
    case 'initialized':
      return startingConditions(REASON_CREATED, 'the container was never started');
    case 'restarting':
      return startingConditions('Starting', 'the engine is restarting the container');
    case 'removing':
      return startingConditions('Deleting', 'the container is being removed');
    default:
      return failedConditions('ContainerDead', state.Error || `the container is ${state.Status}`);
  }
}
