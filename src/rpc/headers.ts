import type { TraceContext } from '../compute/trace.js';

/** An id by which a client knows its request again: visible ASCII, at most 128 characters. */
export const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** Version, trace id and parent id that are not all zeros, flags; a version after the first may have more behind. */
const TRACEPARENT =
  /^(?!ff)(?!00.{53}.)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?$/;
const TRACESTATE = /^[\x20-\x7e]{0,512}$/;
const MAX_LENGTH = 512;

/** What the headers of a call say of its caller's trace; undefined when they say nothing that could be one. */
export function readTrace(header: (name: string) => string | undefined): TraceContext | undefined {
  const traceparent = header('traceparent');
  if (traceparent === undefined || traceparent.length > MAX_LENGTH || !TRACEPARENT.test(traceparent)) {
    return undefined;
  }
  const tracestate = header('tracestate') ?? '';
  return { traceparent, tracestate: TRACESTATE.test(tracestate) ? tracestate : '' };
}

/** The headers that say it. */
export function traceHeaders({ traceparent, tracestate }: TraceContext): Record<string, string> {
  return tracestate === '' ? { traceparent } : { traceparent, tracestate };
}
