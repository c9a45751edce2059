import { type ObservedState, observedState, REASON_CREATED } from '../../compute/conditions.js';
import type { ObservedSandbox } from '../../compute/sandbox.js';
import type { SandboxRecord, StoredCondition } from '../../store/model.js';
import type { SandboxChange } from '../../store/store.js';
import { afterExit, NO_RESTARTS } from './restart-policy.js';

/** Reasons of the Ready condition that the gateway itself sets. */
export const REASON = {
  provisioning: 'Provisioning',
  starting: 'Starting',
  stopping: 'Stopping',
  stopped: 'Stopped',
  deleting: 'Deleting',
  exited: 'MainProcessExited',
  resourceMissing: 'BackendResourceMissing',
  /** The outcome of an operation is not known; it continues. */
  notAnswering: 'EngineNotAnswering',
} as const;

/** The condition of a failed sandbox whose engine may still have resources of its create. */
const LEFTOVERS: Omit<StoredCondition, 'transitionAtMs'> = {
  type: 'ResourcesRemoved',
  status: 'False',
  reason: 'UndoPending',
  message: 'resources of the failed create are still being removed from the engine',
};

function ready(status: 'True' | 'False', reason: string, message: string, nowMs: number): StoredCondition[] {
  return [{ type: 'Ready', status, reason, message, transitionAtMs: nowMs }];
}

function toRunning(observed: ObservedSandbox, nowMs: number): SandboxChange {
  return {
    phase: 'running',
    exitCode: undefined,
    reason: '',
    message: '',
    resourceName: observed.status.resourceName,
    instanceId: observed.status.instanceId,
    startedAtMs: nowMs,
    conditions: ready('True', 'BackendReady', 'the main process is running', nowMs),
  };
}

/** A run whose start was not observed counts as started now. */
function toExited(
  record: SandboxRecord,
  { exitCode, message }: ObservedState & { kind: 'exited' },
  { status }: ObservedSandbox,
  nowMs: number,
): SandboxChange {
  const run = record.instanceId === status.instanceId ? record : { ...record, startedAtMs: nowMs };
  return {
    phase: 'exited',
    exitCode,
    reason: REASON.exited,
    message,
    resourceName: status.resourceName,
    instanceId: status.instanceId,
    restarts: afterExit(run, exitCode, nowMs),
    conditions: ready(
      'False',
      REASON.exited,
      message || `the main process exited with code ${exitCode}`,
      nowMs,
    ),
  };
}

export function toFailed(reason: string, message: string, nowMs: number): SandboxChange {
  return { phase: 'failed', reason, message, conditions: ready('False', reason, message, nowMs) };
}

/** The failure of a sandbox whose resource the engine no longer has. */
export function toMissing(nowMs: number): SandboxChange {
  return toFailed(REASON.resourceMissing, 'the engine no longer has the sandbox; delete it', nowMs);
}

/** A create that failed and could not be undone; the reconciler removes what is left. */
export function toFailedWithLeftovers(reason: string, message: string, nowMs: number): SandboxChange {
  return {
    ...toFailed(reason, message, nowMs),
    conditions: [...ready('False', reason, message, nowMs), { ...LEFTOVERS, transitionAtMs: nowMs }],
  };
}

export function toCleaned({ conditions }: SandboxRecord): SandboxChange {
  return { conditions: conditions.filter(({ type }) => type !== LEFTOVERS.type) };
}

/** The outcome of an operation is not known: phase and intent stay. Empty when the row already has the condition. */
export function toNotAnswering(record: SandboxRecord, problem: string, nowMs: number): SandboxChange[] {
  const message = `${problem}; retrying until the engine answers`;
  const [shown] = record.conditions;
  return shown?.reason === REASON.notAnswering && shown.message === message
    ? []
    : [{ conditions: ready('False', REASON.notAnswering, message, nowMs) }];
}

function toProvisioning(reason: string, message: string, nowMs: number): SandboxChange {
  return { phase: 'provisioning', conditions: ready('False', reason, message, nowMs) };
}

export function toStopping(nowMs: number): SandboxChange {
  return {
    intent: 'stop',
    phase: 'stopping',
    conditions: ready('False', REASON.stopping, 'the sandbox is being stopped', nowMs),
  };
}

export function toStopped(nowMs: number): SandboxChange {
  return {
    phase: 'stopped',
    exitCode: undefined,
    reason: '',
    message: '',
    conditions: ready('False', REASON.stopped, 'the sandbox is stopped', nowMs),
  };
}

/** A start by the user, which resets the restarts. */
export function toStarting(nowMs: number): SandboxChange {
  return { ...toBegin(nowMs), intent: 'run', restarts: NO_RESTARTS };
}

/** A start by the restart policy. */
export function toRestarting({ restarts }: SandboxRecord, nowMs: number): SandboxChange {
  return { ...toBegin(nowMs), restarts: { ...restarts, count: restarts.count + 1, nextAtMs: 0 } };
}

function toBegin(nowMs: number): SandboxChange {
  return {
    phase: 'starting',
    exitCode: undefined,
    reason: '',
    message: '',
    conditions: ready('False', REASON.starting, 'the sandbox is being started', nowMs),
  };
}

export function toDeleting(nowMs: number): SandboxChange {
  return {
    intent: 'delete',
    phase: 'deleting',
    deletionAtMs: nowMs,
    conditions: ready('False', REASON.deleting, 'the sandbox is being deleted', nowMs),
  };
}

/**
 * The writes, in order, that an observation causes. A process that exited before it was observed running is first
 * written as running: every start is published before its exit.
 */
export function observe(record: SandboxRecord, observed: ObservedSandbox, nowMs: number): SandboxChange[] {
  if (record.intent !== 'run') {
    return [];
  }
  const state = observedState(observed.status);
  switch (state.kind) {
    case 'running':
      return observeRunning(record, observed, nowMs);
    case 'exited':
      return observeExit(record, state, observed, nowMs);
    case 'failed':
      return isUp(record) ? [toFailed(state.reason, state.message, nowMs)] : [];
    case 'stopped':
      return record.phase === 'running' ? [toStopped(nowMs)] : [];
    case 'provisioning':
      return record.phase === 'running' ||
        (record.phase === 'provisioning' && record.conditions[0]?.message !== state.message)
        ? [toProvisioning(state.reason, state.message, nowMs)]
        : [];
    case 'deleting':
    case 'unknown':
      return [];
  }
}

/** Whether the main process was ever observed running; if so, its files are kept. */
export function hasRun(record: SandboxRecord): boolean {
  return record.startedAtMs > 0 || record.instanceId !== '' || record.resourceName !== '';
}

export function hasLeftovers({ phase, conditions }: SandboxRecord): boolean {
  return phase === 'failed' && conditions.some(({ type }) => type === LEFTOVERS.type);
}

/**
 * The writes for a failed sandbox whose engine shows a resource: the row follows a resource that runs or ran. `clean`:
 * the resource never ran and is to be deleted. Files of a sandbox that ran are never deleted.
 */
export function followFailed(
  record: SandboxRecord,
  observed: ObservedSandbox,
  nowMs: number,
): readonly SandboxChange[] | 'clean' {
  if (record.phase !== 'failed' || record.intent === 'delete') {
    return [];
  }
  // An interrupted undo may have deleted a part.
  if (hasLeftovers(record)) {
    return 'clean';
  }
  const state = observedState(observed.status);
  const sameRun = record.instanceId === observed.status.instanceId;
  const running = {
    ...toRunning(observed, nowMs),
    // A failed stop is over: the user sees that the sandbox runs and may stop it again.
    intent: 'run' as const,
    startedAtMs: sameRun && record.startedAtMs > 0 ? record.startedAtMs : nowMs,
  };
  switch (state.kind) {
    case 'running':
      return [running];
    case 'exited': {
      if (record.intent === 'stop') {
        return [toStopped(nowMs)];
      }
      const exited = toExited(record, state, observed, nowMs);
      return sameRun ? [exited] : [running, exited];
    }
    case 'stopped':
      return hasRun(record) ? [toStopped(nowMs)] : 'clean';
    case 'provisioning':
      if (hasRun(record)) {
        return [];
      }
      return state.reason === REASON_CREATED
        ? 'clean'
        : [{ ...toProvisioning(state.reason, state.message, nowMs), reason: '', message: '' }];
    case 'failed':
      return hasRun(record) ? [] : 'clean';
    case 'deleting':
    case 'unknown':
      return [];
  }
}

function isUp(record: SandboxRecord): boolean {
  return record.phase === 'provisioning' || record.phase === 'starting' || record.phase === 'running';
}

function observeRunning(record: SandboxRecord, observed: ObservedSandbox, nowMs: number): SandboxChange[] {
  const sameRun = record.instanceId === observed.status.instanceId;
  switch (record.phase) {
    case 'provisioning':
      return [toRunning(observed, nowMs)];
    case 'starting':
    case 'running':
    case 'exited':
    case 'stopped':
      return sameRun && record.phase !== 'stopped' ? [] : [toRunning(observed, nowMs)];
    default:
      return [];
  }
}

function observeExit(
  record: SandboxRecord,
  state: ObservedState & { kind: 'exited' },
  observed: ObservedSandbox,
  nowMs: number,
): SandboxChange[] {
  const sameRun = record.instanceId === observed.status.instanceId;
  const exited = toExited(record, state, observed, nowMs);
  if (record.phase === 'running' && sameRun) {
    return [exited];
  }
  // The exit of an earlier run does not affect the current start, nor an exit that is already stored.
  if (sameRun || record.phase === 'stopped' || record.phase === 'failed') {
    return [];
  }
  return [toRunning(observed, nowMs), exited];
}
