import type { TraceContext } from '../compute/trace.js';

/** An id that a client gives its request: visible ASCII, at most 128 characters. */
export const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** Version, trace id and parent id (not all zeros), flags; later versions may have further fields. */
const TRACEPARENT =
  /^(?!ff)(?!00.{53}.)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?$/;
const TRACESTATE = /^[\x20-\x7e]{0,512}$/;
const MAX_LENGTH = 512;

/** The trace in the headers of a call; undefined without a valid one. */
export function readTrace(header: (name: string) => string | undefined): TraceContext | undefined {
  const traceparent = header('traceparent');
  if (traceparent === undefined || traceparent.length > MAX_LENGTH || !TRACEPARENT.test(traceparent)) {
    return undefined;
  }
  const tracestate = header('tracestate') ?? '';
  return { traceparent, tracestate: TRACESTATE.test(tracestate) ? tracestate : '' };
}

/** The headers for a trace. */
export function traceHeaders({ traceparent, tracestate }: TraceContext): Record<string, string> {
  return tracestate === '' ? { traceparent } : { traceparent, tracestate };
}
