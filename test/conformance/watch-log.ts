import { type ObservedState, observedState } from '../../dist/compute/conditions.js';
import type { ComputeDriver, DriverEvent } from '../../dist/compute/driver.js';
import type { ObservedSandbox } from '../../dist/compute/sandbox.js';
import { eventually } from '../support/wait.js';

/** Everything that one watch of a driver has said, in order. */
export interface WatchLog {
  readonly events: readonly DriverEvent[];
  /** Of one sandbox. */
  statesOf(id: string): ObservedSandbox[];
  synced(): Promise<void>;
  /** Until the watch has shown this sandbox in this state, also in the past. */
  sees(id: string, kind: ObservedState['kind']): Promise<ObservedSandbox>;
  seesDeleted(id: string): Promise<void>;
  /** How the watch ended: undefined without an error. */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

export function watchLog(driver: ComputeDriver, patienceMs = 30_000): WatchLog {
  const events: DriverEvent[] = [];
  const stopping = new AbortController();
  const ended = (async () => {
    try {
      for await (const event of driver.watch({ signal: stopping.signal })) {
        events.push(event);
      }
      return undefined;
    } catch (error) {
      return error ?? new Error('the watch threw nothing');
    }
  })();

  const statesOf = (id: string) =>
    events.flatMap((e) => (e.type === 'sandbox' && e.sandbox.id === id ? [e.sandbox] : []));
  const words = (id: string) => statesOf(id).map((s) => observedState(s.status).kind);

  return {
    events,
    statesOf,
    ended,
    async synced() {
      await eventually('the watch is synced', () => events.some((e) => e.type === 'synced'), patienceMs);
    },
    sees: (id, kind) =>
      eventually(
        `the watch shows ${id} ${kind}`,
        () => statesOf(id).find((s) => observedState(s.status).kind === kind),
        patienceMs,
      ).catch((error) => {
        throw new Error(`${(error as Error).message}; it showed: ${words(id).join(', ') || 'nothing'}`);
      }),
    async seesDeleted(id) {
      await eventually(
        `the watch shows ${id} deleted`,
        () => events.some((e) => e.type === 'deleted' && e.id === id),
        patienceMs,
      );
    },
    async stop() {
      stopping.abort();
      const error = await ended;
      if (error !== undefined) {
        throw error;
      }
    },
  };
}
