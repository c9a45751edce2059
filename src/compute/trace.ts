import { AsyncLocalStorage } from 'node:async_hooks';

/** A call's place in its caller's trace, in the format of W3C Trace Context (https://www.w3.org/TR/trace-context/). */
export interface TraceContext {
  /** Version, trace id, parent id and flags in lower-case hex, e.g. `00-<32 digits>-<16 digits>-01`. */
  readonly traceparent: string;
  /** The tracers' own list; empty when there is none. */
  readonly tracestate: string;
}

/** Created on first use: from then on the runtime tracks every promise, a cost that callers without a trace avoid. */
let storage: AsyncLocalStorage<TraceContext> | undefined;

/** Runs `work`, and all that it starts, as part of this trace; undefined: of none. */
export function withTrace<T>(trace: TraceContext | undefined, work: () => T): T {
  if (trace === undefined) {
    return work();
  }
  storage ??= new AsyncLocalStorage();
  return storage.run(trace, work);
}

/** The trace that the calling code is part of. */
export function currentTrace(): TraceContext | undefined {
  return storage?.getStore();
}
