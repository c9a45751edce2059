import { Code, OpenShellError } from '../../compute/errors.js';
import { runWithDeadline } from '../../kit/deadline.js';
import { createSlots, type Slots } from './slots.js';

/** Deadlines of the calls to a driver, in milliseconds from the moment a call begins to run. */
export const DRIVER_DEADLINE_MS = {
  /** Pulling an image is part of it. */
  create: 30 * 60_000,
  /** The driver's own grace period is part of it. */
  stop: 180_000,
  start: 180_000,
  delete: 180_000,
  /** Removing what a create that failed may have left, before the failure is stored. */
  undo: 30_000,
  /** Preparing or removing what a workspace needs; a namespace may take its time to end. */
  workspace: 180_000,
  query: 30_000,
  /** How long a create waits for what its engine, although it answers, calls unavailable. */
  absence: 30_000,
};

export type DriverDeadlines = Readonly<Record<keyof typeof DRIVER_DEADLINE_MS, number>>;

/** Counts and times the calls to drivers. */
export type CallObserver = (driver: string, call: string, seconds: number, error: boolean) => void;

interface CallKind {
  readonly deadline: keyof DriverDeadlines;
  /** Urgent ones do not wait behind the others. Undefined: no call of a kind of which there is one at a time. */
  readonly slots: 'change' | 'urgent' | 'query' | undefined;
}

const CALLS = {
  create: { deadline: 'create', slots: 'change' },
  start: { deadline: 'start', slots: 'change' },
  ensure_workspace: { deadline: 'workspace', slots: 'change' },
  stop: { deadline: 'stop', slots: 'urgent' },
  delete: { deadline: 'delete', slots: 'urgent' },
  undo: { deadline: 'undo', slots: 'urgent' },
  delete_workspace: { deadline: 'workspace', slots: 'urgent' },
  get: { deadline: 'query', slots: 'query' },
  list: { deadline: 'query', slots: undefined },
} as const satisfies Record<string, CallKind>;

/** How many operations of a driver run, and how many wait for their turn. */
export interface DriverLoad {
  readonly driver: string;
  readonly running: number;
  readonly waiting: number;
}

/** Calls drivers: a bounded number at a time for each, and each call with its own deadline. */
export interface DriverCalls {
  run<T>(
    driver: string,
    call: keyof typeof CALLS,
    signal: AbortSignal,
    body: (options: { readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T>;
  load(): DriverLoad[];
}

interface DriverCallsOptions {
  readonly observeCall: CallObserver;
  readonly deadlines: DriverDeadlines;
  /** Of one driver at a time; a quarter of it is kept for stops and deletes. */
  readonly maxOperations: number;
}

export function createDriverCalls(options: DriverCallsOptions): DriverCalls {
  const { observeCall, deadlines, maxOperations } = options;
  const slots = new Map<string, { readonly changes: Slots; readonly queries: Slots }>();
  function slotsOf(driver: string) {
    const found = slots.get(driver);
    if (found !== undefined) {
      return found;
    }
    const made = {
      changes: createSlots(maxOperations, Math.floor(maxOperations / 4)),
      queries: createSlots(maxOperations),
    };
    slots.set(driver, made);
    return made;
  }

  return {
    async run(driver, call, signal, body) {
      const kind: CallKind = CALLS[call];
      const timeoutMs = deadlines[kind.deadline];
      function task() {
        return observed(observeCall, driver, call, () =>
          runWithDeadline(timeoutMs, signal, (until) =>
            body({ signal: until }).catch((error) => {
              throw until.aborted && !signal.aborted ? late(error, driver, call, timeoutMs) : error;
            }),
          ),
        );
      }

      if (kind.slots === undefined) {
        return task();
      }
      const { changes, queries } = slotsOf(driver);
      if (kind.slots === 'query') {
        return queries.run(task, { signal });
      }
      return changes.run(task, { signal, urgent: kind.slots === 'urgent' });
    },
    load: () =>
      [...slots].map(([driver, { changes }]) => ({
        driver,
        running: changes.running,
        waiting: changes.waiting,
      })),
  };
}

/** What a call that was cut off at its deadline threw; a driver that knew better by then is believed. */
function late(error: unknown, driver: string, call: string, timeoutMs: number): OpenShellError {
  const known = OpenShellError.from(error);
  if (known.code !== Code.CANCELLED && known.code !== Code.DEADLINE_EXCEEDED) {
    return known;
  }
  return new OpenShellError(
    Code.DEADLINE_EXCEEDED,
    `driver '${driver}' did not finish '${call}' within ${timeoutMs / 1000} s`,
    { cause: error },
  );
}

/** Runs one call to a driver and tells the observer. */
async function observed<T>(
  observe: CallObserver,
  driver: string,
  call: string,
  run: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  function seconds() {
    return (performance.now() - startedAt) / 1000;
  }

  try {
    const result = await run();
    observe(driver, call, seconds(), false);
    return result;
  } catch (error) {
    observe(driver, call, seconds(), true);
    throw error;
  }
}
