import { AsyncLocalStorage } from 'node:async_hooks';

/** Where a call belongs in its caller's trace, as W3C Trace Context writes it (https://www.w3.org/TR/trace-context/). */
export interface TraceContext {
  /** Version, trace id, parent id and flags in lower-case hex, e.g. `00-<32 digits>-<16 digits>-01`. */
  readonly traceparent: string;
  /** The tracers' own list; empty when there is none. */
  readonly tracestate: string;
}

/** Made at the first use: from then on the runtime follows every promise, which callers without a trace do not pay for. */
let storage: AsyncLocalStorage<TraceContext> | undefined;

/** Runs `work`, and all that it begins, as a part of this trace; undefined: of none. */
export function withTrace<T>(trace: TraceContext | undefined, work: () => T): T {
  if (trace === undefined) {
    return work();
  }
  storage ??= new AsyncLocalStorage();
  return storage.run(trace, work);
}

/** The trace that the caller's code runs for. */
export function currentTrace(): TraceContext | undefined {
  return storage?.getStore();
}
