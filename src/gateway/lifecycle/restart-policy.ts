import type { Restarts, SandboxRecord } from '../../store/model.js';

/** As it stands before the first restart, and after a start that the user asked for. */
export const NO_RESTARTS: Restarts = { count: 0, delayMs: 0, nextAtMs: 0 };

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 5 * 60_000;
/** A process that ran for so long is sound: its next restart waits the first delay again. */
const STEADY_MS = 10 * 60_000;

/** The restarts of a sandbox whose main process has just ended: with the next one when its policy wants one. */
export function afterExit(
  { restarts, spec, startedAtMs }: Pick<SandboxRecord, 'restarts' | 'spec' | 'startedAtMs'>,
  exitCode: number,
  nowMs: number,
): Restarts {
  const isWanted = spec.restartPolicy === 'always' || (spec.restartPolicy === 'on-failure' && exitCode !== 0);
  if (!isWanted) {
    return { ...restarts, nextAtMs: 0 };
  }
  const isSteady = nowMs - startedAtMs >= STEADY_MS;
  const delayMs =
    restarts.delayMs === 0 || isSteady ? FIRST_DELAY_MS : Math.min(restarts.delayMs * 2, LONGEST_DELAY_MS);
  return { count: restarts.count, delayMs, nextAtMs: nowMs + delayMs };
}

/** Whether the main process has ended and will be started again by itself. */
export function isRestartPending(record: Pick<SandboxRecord, 'phase' | 'intent' | 'restarts'>): boolean {
  return record.phase === 'exited' && record.intent === 'run' && record.restarts.nextAtMs > 0;
}
