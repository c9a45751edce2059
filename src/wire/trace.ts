import type { Metadata } from '@grpc/grpc-js';

/** W3C Trace Context as headers carry it; `tracestate` empty when there is none. */
export interface TraceHeaders {
  readonly traceparent: string;
  readonly tracestate: string;
}

/** Version, trace id and parent id that are not all zeros, flags; a version after the first may have more behind. */
const TRACEPARENT =
  /^(?!ff)(?!00.{53}.)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?$/;
const TRACESTATE = /^[\x20-\x7e]{0,512}$/;
const MAX_LENGTH = 512;

const textOf = (metadata: Metadata, key: string): string => {
  const text = metadata.get(key).join(',');
  return text.length <= MAX_LENGTH ? text : '';
};

/** What a caller says of its trace; undefined when it says nothing that could be one. */
export const readTrace = (metadata: Metadata): TraceHeaders | undefined => {
  const traceparent = textOf(metadata, 'traceparent');
  if (!TRACEPARENT.test(traceparent)) return undefined;
  const tracestate = textOf(metadata, 'tracestate');
  return { traceparent, tracestate: TRACESTATE.test(tracestate) ? tracestate : '' };
};

export const writeTrace = (metadata: Metadata, { traceparent, tracestate }: TraceHeaders): void => {
  metadata.set('traceparent', traceparent);
  if (tracestate !== '') metadata.set('tracestate', tracestate);
};
