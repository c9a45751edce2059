import type { Restarts, SandboxRecord } from '../../store/model.js';

/** The state before the first restart, and after a start by the user. */
export const NO_RESTARTS: Restarts = { count: 0, delayMs: 0, nextAtMs: 0 };

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 5 * 60_000;
/** A process that ran this long counts as stable: its next restart waits the first delay again. */
const STABLE_MS = 10 * 60_000;

/** The restarts after the main process exited, with the next one if the policy requires one. */
export function afterExit(
  { restarts, spec, startedAtMs }: Pick<SandboxRecord, 'restarts' | 'spec' | 'startedAtMs'>,
  exitCode: number,
  nowMs: number,
): Restarts {
  const isRequired =
    spec.restartPolicy === 'always' || (spec.restartPolicy === 'on-failure' && exitCode !== 0);
  if (!isRequired) {
    return { ...restarts, nextAtMs: 0 };
  }
  const isStable = nowMs - startedAtMs >= STABLE_MS;
  const delayMs =
    restarts.delayMs === 0 || isStable ? FIRST_DELAY_MS : Math.min(restarts.delayMs * 2, LONGEST_DELAY_MS);
  return { count: restarts.count, delayMs, nextAtMs: nowMs + delayMs };
}

/** Whether the main process has exited and will be restarted by the policy. */
export function isRestartPending(record: Pick<SandboxRecord, 'phase' | 'intent' | 'restarts'>): boolean {
  return record.phase === 'exited' && record.intent === 'run' && record.restarts.nextAtMs > 0;
}

const PUBLIC_PHASE = {
  provisioning: 'PROVISIONING',
  running: 'READY',
  stopping: 'STOPPING',
  stopped: 'STOPPED',
  starting: 'STARTING',
  exited: 'ERROR',
  failed: 'ERROR',
  deleting: 'DELETING',
} as const satisfies Record<SandboxRecord['phase'], string>;

/** The phase in the public API. A pending restart shows as STARTING, so that clients keep waiting. */
export function publicPhase(record: SandboxRecord): (typeof PUBLIC_PHASE)[SandboxRecord['phase']] {
  return isRestartPending(record) ? 'STARTING' : PUBLIC_PHASE[record.phase];
}
