import {
  type Condition,
  exitedConditions,
  failedConditions,
  REASON_CREATED,
  runningConditions,
  startingConditions,
  suspendedConditions,
} from '../../compute/conditions.js';
import { LABEL } from '../../compute/labels.js';
import type { ObservedSandbox } from '../../compute/sandbox.js';
import { ANNOTATION, CONTAINER, STATE } from './names.js';
import type { ContainerState, Owner, Pod, PodCondition } from './objects.js';

/** A sandbox's Pod, its owner, or both. */
export interface Objects {
  readonly pod: Pod | undefined;
  readonly owner: Owner | undefined;
}

interface ObserveOptions {
  readonly scheduleTimeoutMs: number;
  readonly now: () => number;
}

/** A sandbox as its objects show it; at least one of the two exists. */
export function observeObjects(objects: Objects, options: ObserveOptions): ObservedSandbox {
  const { pod, owner } = objects;
  const metadata = (pod ?? owner)?.metadata;
  const labels = metadata?.labels ?? {};
  return {
    id: labels[LABEL.sandboxId] ?? '',
    name: labels[LABEL.sandboxName] ?? '',
    workspace: labels[LABEL.sandboxWorkspace] ?? '',
    namespace: labels[LABEL.sandboxNamespace] ?? '',
    status: {
      resourceName: metadata?.name ?? '',
      instanceId: pod?.metadata.uid ?? '',
      conditions: conditionsOf(objects, {
        nowMs: options.now(),
        scheduleTimeoutMs: options.scheduleTimeoutMs,
      }),
      deleting: isDeleting(objects),
    },
  };
}

const REASON_MISSING = 'BackendResourceMissing';

/** According to its owner the Pod should exist, but it does not. */
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
    return startingConditions('ContainerStarting', "the cluster's controller is creating the Pod");
  }
  if (state === STATE.creating) {
    return startingConditions(REASON_CREATED, 'the Pod has not been created');
  }
  return failedConditions(
    REASON_MISSING,
    'the Pod was not deleted by this gateway; its workspace volume is kept until you delete the sandbox',
  );
}

/** Kubernetes is deleting the whole sandbox, not only its Pod. */
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
  const disrupted = disruption(pod, find('DisruptionTarget'));
  if (state?.terminated !== undefined) {
    return ended(pod, state.terminated, disrupted);
  }
  // An evicting kubelet may report the eviction a moment before it reports how the container ended.
  const isEnding = disrupted !== undefined && disrupted.reason !== 'NodeLost' && state !== undefined;
  if ((status.phase === 'Failed' && !isEnding) || disrupted?.reason === 'NodeLost') {
    return failedConditions(
      disrupted?.reason ?? status.reason ?? 'PodFailed',
      disrupted?.message ?? status.message ?? 'Kubernetes ended the Pod without giving a reason',
    );
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
  // Only the node controller contradicts the kubelet's report on the container.
  const nodeIsSilent = ready?.status !== 'True' && container?.ready === true && ready !== undefined;
  return nodeIsSilent
    ? startingConditions('DependenciesNotReady', `node '${pod.spec.nodeName}' does not respond to Kubernetes`)
    : runningConditions(startedAt);
}

function ended(
  pod: Pod,
  terminated: NonNullable<ContainerState['terminated']>,
  disrupted: Reason | undefined,
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
      'NodeRestarted: the node lost the process, e.g. in a restart',
      finishedAt,
    );
  }
  return exitedConditions(exitCode, disrupted && `${disrupted.reason}: ${disrupted.message}`, finishedAt);
}

/** The runtime could not start the process, e.g. `exec: "x": executable file not found`. */
function notStarted(pod: Pod, message: string): Condition[] {
  const details = message.replace(/^.*?exec failed: |^failed to create containerd task: /, '').trim();
  const program = pod.spec.containers[0]?.command?.[0] ?? '';
  const missing = /no such file or directory|executable file not found/.test(message);
  if (missing && program === '/bin/sh') {
    return failedConditions(
      'NoIdleCommand',
      'the image has no /bin/sh, which a sandbox without a command needs; create it with a command',
    );
  }
  if (missing && message.includes(`"${program}"`)) {
    return failedConditions('CommandNotFound', `the image has no program '${program}'`);
  }
  return failedConditions(
    'ContainerStartFailed',
    details || 'the container runtime could not start the process',
  );
}

interface Reason {
  readonly reason: string;
  readonly message: string;
}

/** Why Kubernetes itself is ending this Pod, if it is. */
function disruption(pod: Pod, target: PodCondition | undefined): Reason | undefined {
  const { reason, message } = pod.status ?? {};
  const node = pod.spec.nodeName ?? 'unknown';
  if (reason === 'Evicted') {
    return {
      reason: 'Evicted',
      message: /exceed.*limit/i.test(message ?? '')
        ? `the sandbox exceeded its disk limit: ${message}`
        : `node '${node}' is short of resources: ${message ?? 'no details'}`,
    };
  }
  if (reason === 'NodeLost' || target?.reason === 'DeletionByTaintManager') {
    return { reason: 'NodeLost', message: `node '${node}' was lost together with its Pods` };
  }
  if (reason === 'Shutdown' || reason === 'Terminated' || reason === 'NodeShutdown') {
    return { reason: 'NodeShutdown', message: `node '${node}' was shut down` };
  }
  if (reason === 'Preempting' || target?.reason === 'PreemptionByScheduler') {
    return { reason: 'Preempted', message: `a Pod of higher priority took its place on node '${node}'` };
  }
  return undefined;
}

/** Waiting reasons that are temporary or a first attempt. */
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
    return startingConditions('ContainerStarting', state?.message ?? 'the container is being created');
  }
  return failedConditions(reason, [WAITING_TEXT[reason], state?.message].filter(Boolean).join(': '));
}
