/** One observed fact about a sandbox, in the form that Kubernetes uses. */
export interface Condition {
  /** `Ready`, `Suspended` or `MainProcess` decide the state; others only inform. */
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** CamelCase word for programs. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  /** RFC 3339, or empty when unknown. */
  readonly lastTransitionTime: string;
}

/** The state that a driver's conditions describe, as the lifecycle controller reads it. */
export type ObservedState =
  | { readonly kind: 'running' }
  | { readonly kind: 'provisioning'; readonly reason: string; readonly message: string }
  | { readonly kind: 'exited'; readonly exitCode: number; readonly message: string }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string }
  | { readonly kind: 'deleting' }
  | { readonly kind: 'unknown' };

/** The engine created the resource but never started it: an interrupted create. */
export const REASON_CREATED = 'ContainerCreated';

/** Reasons of Ready=False that are transient (compared in lower case); any other is terminal. From OpenShell's table. */
const TRANSIENT_REASONS = new Set([
  'reconcilererror',
  'dependenciesnotready',
  'supervisornotconnected',
  'starting',
  'containerstarting',
  'containercreated',
  'healthcheckstarting',
  'inspectfailed',
]);

function condition(
  type: string,
  status: Condition['status'],
  reason: string,
  message: string,
  at?: string,
): Condition {
  return { type, status, reason, message, lastTransitionTime: at ?? '' };
}

/** Ready: the main process is running. `at` is RFC 3339. */
export function runningConditions(at?: string): Condition[] {
  return [condition('Ready', 'True', 'BackendReady', 'the main process runs', at)];
}

/** Not ready yet: `reason` is one of the transient ones. */
export function startingConditions(reason: string, message: string, at?: string): Condition[] {
  return [condition('Ready', 'False', reason, message, at)];
}

/** The main process ended. `detail` says why, e.g. `OOMKilled`. Default: none. */
export function exitedConditions(exitCode: number, detail = '', at?: string): Condition[] {
  return [
    condition(
      'Ready',
      'False',
      'ContainerExited',
      detail || `the main process exited with code ${exitCode}`,
      at,
    ),
    condition('MainProcess', 'False', 'Exited', String(exitCode), at),
  ];
}

/** Kept by the engine without a process, e.g. a scaled-down Pod or a stopped VM. */
export function suspendedConditions(at?: string): Condition[] {
  return [
    condition('Ready', 'False', 'ContainerStopped', 'the sandbox is stopped', at),
    condition('Suspended', 'True', 'Stopped', 'the sandbox is stopped', at),
  ];
}

/** It cannot run and will not recover by itself. */
export function failedConditions(reason: string, message: string, at?: string): Condition[] {
  return [condition('Ready', 'False', reason, message, at)];
}

/** Derives the state from a driver's conditions (OpenShell's phase derivation, plus the exit code's condition). */
export function observedState(status: {
  readonly conditions: readonly Condition[];
  readonly deleting: boolean;
}): ObservedState {
  if (status.deleting) {
    return { kind: 'deleting' };
  }
  function find(type: string) {
    return status.conditions.find((c) => c.type === type);
  }

  if (find('Suspended')?.status === 'True') {
    return { kind: 'stopped' };
  }
  const ready = find('Ready');
  if (ready?.status === 'True') {
    return { kind: 'running' };
  }
  const main = find('MainProcess');
  if (main?.status === 'False' && main.reason === 'Exited' && /^-?\d{1,10}$/.test(main.message)) {
    return { kind: 'exited', exitCode: Number(main.message), message: ready?.message ?? '' };
  }
  if (ready?.status !== 'False') {
    return { kind: 'unknown' };
  }
  return TRANSIENT_REASONS.has(ready.reason.toLowerCase())
    ? { kind: 'provisioning', reason: ready.reason, message: ready.message }
    : { kind: 'failed', reason: ready.reason, message: ready.message };
}
