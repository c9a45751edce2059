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
import type { Container, ContainerSummary } from './api/types.js';

/** The sandbox as its container shows it; undefined when the container carries no sandbox's labels. */
export function observe(container: Container): ObservedSandbox | undefined {
  const labels = container.Config.Labels ?? {};
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
      resourceName: container.Name,
      instanceId: instanceOf(container),
      conditions: conditionsOf(container),
      deleting: container.State.Status === 'removing',
    },
  };
}

/** Container and moment of its start; empty before the first. */
function instanceOf(container: Container): string {
  return container.State.StartedAt.startsWith('0001-')
    ? ''
    : `${container.Id.slice(0, 12)}@${container.State.StartedAt}`;
}

function conditionsOf(container: Container): Condition[] {
  const { State: state } = container;
  switch (state.Status) {
    // A container that is being stopped still runs until it has ended.
    case 'running':
    case 'stopping':
      return runningConditions(state.StartedAt);
    case 'exited':
    case 'stopped':
      return exitedConditions(state.ExitCode, state.OOMKilled ? 'OOMKilled' : '', state.FinishedAt);
    case 'paused':
      return failedConditions('ContainerPaused', 'the container was paused on the engine: podman unpause it');
    case 'configured':
    case 'created':
    case 'initialized':
      return startingConditions(REASON_CREATED, 'the container has not been started');
    case 'removing':
      return startingConditions('Deleting', 'the container is being removed');
    default:
      return failedConditions('ContainerBroken', state.Error || `the container is ${state.Status}`);
  }
}

/** State, exit code and the second of its start: two runs that a list does not tell apart are in one second. */
export function listedState({ State, ExitCode, StartedAt }: ContainerSummary): string {
  return `${State} ${ExitCode} ${StartedAt}`;
}

export function seenState({ State }: Container): string {
  return `${State.Status} ${State.ExitCode} ${Math.floor(Date.parse(State.StartedAt) / 1_000)}`;
}
