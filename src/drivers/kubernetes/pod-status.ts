import {
  type Condition,
  exitedConditions,
  failedConditions,
  REASON_CREATED,
  runningConditions,
  startingConditions,
  suspendedConditions,
} from '../../compute/conditions.js';
import type { ObservedSandbox } from '../../compute/sandbox.js';
import { ANNOTATION, CONTAINER, STATE } from './names.js';
import type { ContainerState, Owner, Pod, PodCondition } from './objects.js';

/** What is known of one sandbox: its Pod, what keeps it without one, or both. */
export interface Objects {
  readonly pod: Pod | undefined;
  readonly owner: Owner | undefined;
}

const REASON_MISSING = 'BackendResourceMissing';

/** The owner is there and says that the Pod should be, but it is not. */
export function isMissing({ status }: ObservedSandbox): boolean {
  return status.conditions.some((one) => one.type === 'Ready' && one.reason === REASON_MISSING);
}

/** The sandbox's conditions. `scheduleTimeoutMs` turns a wait for a node into a failure. */
export function conditionsOf(
  { pod, owner }: Objects,
  options: { nowMs: number; scheduleTimeoutMs: number },
): Condition[] {
  if (pod !== undefined) {
    return podConditions(pod, options);
  }
  const state = owner?.metadata.annotations?.[ANNOTATION.state];
  if (state === STATE.stopped) {
    return suspendedConditions();
  }
  if (state === STATE.held) {
    return startingConditions('ContainerStarting', 'the controller of the cluster makes the Pod');
  }
  if (state === STATE.creating) {
    return startingConditions(REASON_CREATED, 'the Pod has not been made');
  }
  return failedConditions(
    REASON_MISSING,
    'the Pod was removed by someone else than this gateway; its workspace volume is kept until you delete the sandbox',
  );
}

/** The engine is removing the sandbox, not only its Pod. */
export function isDeleting({ pod, owner }: Objects): boolean {
  return owner === undefined
    ? pod?.metadata.deletionTimestamp !== undefined
    : owner.metadata.deletionTimestamp !== undefined;
}

function podConditions(pod: Pod, options: { nowMs: number; scheduleTimeoutMs: number }): Condition[] {
  const status = pod.status ?? {};
  function find(type: string) {
    return status.conditions?.find((one) => one.type === type);
  }

  const state = status.containerStatuses?.find((one) => one.name === CONTAINER)?.state;
  const given = givenUp(pod, find('DisruptionTarget'));
  if (state?.terminated !== undefined) {
    return ended(pod, state.terminated, given);
  }
  // A kubelet that evicts may say so before it knows how the container ended, which it tells a moment later.
  const isEnding = given !== undefined && given.reason !== 'NodeLost' && state !== undefined;
  if ((status.phase === 'Failed' && !isEnding) || given?.reason === 'NodeLost') {
    const why = given ?? {
      reason: status.reason ?? 'PodFailed',
      message: status.message ?? 'Kubernetes ended the Pod without saying why',
    };
    return failedConditions(why.reason, why.message);
  }
  if (state?.running !== undefined) {
    return running(pod, state.running, find('Ready'));
  }
  return waiting(state?.waiting, find('PodScheduled'), pod, options);
}

function running(
  pod: Pod,
  { startedAt }: NonNullable<ContainerState['running']>,
  ready: PodCondition | undefined,
): Condition[] {
  const container = pod.status?.containerStatuses?.find((one) => one.name === CONTAINER);
  // Only the node controller contradicts what the kubelet said of the container.
  const nodeIsSilent = ready?.status !== 'True' && container?.ready === true && ready !== undefined;
  return nodeIsSilent
    ? startingConditions('DependenciesNotReady', `node '${pod.spec.nodeName}' does not answer Kubernetes`)
    : runningConditions(startedAt);
}

function ended(
  pod: Pod,
  terminated: NonNullable<ContainerState['terminated']>,
  given: Reason | undefined,
): Condition[] {
  const { exitCode, reason, message, finishedAt } = terminated;
  if (reason === 'StartError' || reason === 'ContainerCannotRun') {
    return notStarted(pod, message ?? '');
  }
  if (reason === 'OOMKilled') {
    const limit = pod.spec.containers[0]?.resources?.limits?.memory;
    return exitedConditions(
      exitCode,
      `OOMKilled: the sandbox needed more memory than ${limit ? `its limit of ${limit}` : 'its node has'}`,
      finishedAt,
    );
  }
  if (reason === 'ContainerStatusUnknown') {
    return exitedConditions(
      exitCode,
      'NodeRestarted: the node lost the process, as after a restart',
      finishedAt,
    );
  }
  return exitedConditions(exitCode, given && `${given.reason}: ${given.message}`, finishedAt);
}

/** `exec: "x": executable file not found` and its like: the runtime could not start the process. */
function notStarted(pod: Pod, message: string): Condition[] {
  const said = message.replace(/^.*?exec failed: |^failed to create containerd task: /, '').trim();
  const program = pod.spec.containers[0]?.command?.[0] ?? '';
  const missing = /no such file or directory|executable file not found/.test(message);
  if (missing && program === '/bin/sh') {
    return failedConditions(
      'NoIdleCommand',
      'the image has no /bin/sh, with which a sandbox without a command idles; create it with a command',
    );
  }
  if (missing && message.includes(`"${program}"`)) {
    return failedConditions('CommandNotFound', `the image has no program '${program}'`);
  }
  return failedConditions(
    'ContainerStartFailed',
    said || 'the container runtime could not start the process',
  );
}

interface Reason {
  readonly reason: string;
  readonly message: string;
}

/** Why Kubernetes itself ends this Pod, if it does. */
function givenUp(pod: Pod, disruption: PodCondition | undefined): Reason | undefined {
  const { reason, message } = pod.status ?? {};
  const node = pod.spec.nodeName ?? 'unknown';
  if (reason === 'Evicted') {
    return {
      reason: 'Evicted',
      message: /exceed.*limit/i.test(message ?? '')
        ? `the sandbox wrote more than it may: ${message}`
        : `node '${node}' ran short of something: ${message ?? 'no details'}`,
    };
  }
  if (reason === 'NodeLost' || disruption?.reason === 'DeletionByTaintManager') {
    return { reason: 'NodeLost', message: `node '${node}' was lost, and its Pods with it` };
  }
  if (reason === 'Shutdown' || reason === 'Terminated' || reason === 'NodeShutdown') {
    return { reason: 'NodeShutdown', message: `node '${node}' was shut down` };
  }
  if (reason === 'Preempting' || disruption?.reason === 'PreemptionByScheduler') {
    return { reason: 'Preempted', message: `a Pod of higher priority took the place on node '${node}'` };
  }
  return undefined;
}

/** Waiting reasons that pass by themselves, or are only a first try. */
const PASSING = new Set(['ContainerCreating', 'PodInitializing', 'ErrImagePull', 'RegistryUnavailable']);

const WAITING_TEXT: Readonly<Record<string, string>> = {
  ImagePullBackOff: 'the image cannot be pulled',
  ErrImageNeverPull: 'the image is not on the node, and the pull policy is Never',
  InvalidImageName: 'the image name is not valid',
  ImageInspectError: 'the node cannot read the image',
  CreateContainerConfigError: 'the container cannot be configured',
  CreateContainerError: 'the container cannot be created',
  RunContainerError: 'the container cannot be started',
};

function waiting(
  state: ContainerState['waiting'],
  scheduled: PodCondition | undefined,
  pod: Pod,
  { nowMs, scheduleTimeoutMs }: { nowMs: number; scheduleTimeoutMs: number },
): Condition[] {
  if (scheduled?.status === 'False') {
    const sinceMs = Date.parse(pod.metadata.creationTimestamp ?? '') || nowMs;
    const message = `no node can take the sandbox: ${scheduled.message ?? 'no details'}`;
    return nowMs - sinceMs < scheduleTimeoutMs
      ? startingConditions('DependenciesNotReady', message)
      : failedConditions('Unschedulable', message);
  }
  const reason = state?.reason ?? '';
  if (reason === 'RunContainerError' && state?.message) {
    return notStarted(pod, state.message);
  }
  if (reason === '' || PASSING.has(reason)) {
    return startingConditions('ContainerStarting', state?.message ?? 'the container is being made');
  }
  return failedConditions(reason, [WAITING_TEXT[reason], state?.message].filter(Boolean).join(': '));
}
