import { Code, OpenShellError } from '../../compute/errors.js';
import { runWithDeadline } from '../../kit/deadline.js';
import { createSlots, type Slots } from './slots.js';

/** Deadlines of driver calls, in milliseconds from the moment a call starts. */
export const DRIVER_DEADLINE_MS = {
  /** Includes pulling the image. */
  create: 30 * 60_000,
  /** Includes the driver's grace period. */
  stop: 180_000,
  start: 180_000,
  delete: 180_000,
  /** Removing what a failed create may have left, before the failure is stored. */
  undo: 30_000,
  /** Preparing or removing what a workspace needs; deleting a namespace can take long. */
  workspace: 180_000,
  query: 30_000,
  /** How long a create is retried when the engine answers but reports UNAVAILABLE. */
  absence: 30_000,
};

export type DriverDeadlines = Readonly<Record<keyof typeof DRIVER_DEADLINE_MS, number>>;

/** Counts and times the calls to drivers. */
export type CallObserver = (driver: string, call: string, seconds: number, error: boolean) => void;

interface CallKind {
  readonly deadline: keyof DriverDeadlines;
  /** Urgent calls do not wait behind the others. Undefined: not limited, since only one runs at a time. */
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

/** How many operations of a driver are running and waiting. */
export interface DriverLoad {
  readonly driver: string;
  readonly running: number;
  readonly waiting: number;
}

/** Calls drivers, with a bounded number of concurrent calls per driver and a deadline for each call. */
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
  /** Per driver; a quarter is reserved for stops and deletes. */
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
    const created = {
      changes: createSlots(maxOperations, Math.floor(maxOperations / 4)),
      queries: createSlots(maxOperations),
    };
    slots.set(driver, created);
    return created;
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

/** The error of a call that was aborted at its deadline, unless the driver reported another one. */
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

async function observed<T>(
  observe: CallObserver,
  driver: string,
  call: string,
  run: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  let hasFailed = true;
  try {
    const result = await run();
    hasFailed = false;
    return result;
  } finally {
    observe(driver, call, (performance.now() - startedAt) / 1000, hasFailed);
  }
}
