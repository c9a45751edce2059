import { FIRST_MESSAGE_MARKS, MARK, REQUEST_MARKS } from './generation-marks.js';

/** A generation of the public API; both use the same package, service and message names. */
export type Generation = '0.0' | '0.1';

/** Every generation that a gateway of ours serves, the oldest first. */
export const GENERATIONS: readonly Generation[] = ['0.0', '0.1'];

/** The generation of a request. `unmarked`: its bytes are valid in both. */
export type Detected = Generation | 'unmarked';

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
/** The lowest first byte of a workspace's name: `0`. */
const NAME_BEGINS = 0x30;
const HIGHEST_FIELD = 127;

/**
 * Returns a function that detects the generation of a request of `method` (`GetSandbox`) before it is decoded. The
 * first mark decides.
 *
 * It accepts any bytes, even invalid ones: what cannot be read is `unmarked`, and the decoder then reports the error.
 * It allocates nothing, and ignores lengths that exceed the input.
 */
export function generationDetector(method: string): (request: Uint8Array) => Detected {
  const marks = REQUEST_MARKS[method];
  if (marks !== undefined) {
    const table = tableOf(marks);
    return (bytes) => detect(bytes, 0, bytes.length, table);
  }
  const first = FIRST_MESSAGE_MARKS[method];
  if (first !== undefined) {
    const table = tableOf(first);
    return (bytes) => detectWithin(bytes, table);
  }
  return () => 'unmarked';
}

/** Marks by field number. */
function tableOf(marks: string): Uint8Array {
  const table = new Uint8Array(HIGHEST_FIELD + 1);
  for (const mark of marks.split(' ')) {
    table[Number.parseInt(mark, 10)] = MARK[mark.at(-1) as keyof typeof MARK];
  }
  return table;
}

function detect(bytes: Uint8Array, from: number, end: number, table: Uint8Array): Detected {
  let detected: Detected = 'unmarked';
  let at = from;
  while (at < end) {
    const content = afterVarint(bytes, at, end);
    if (content === MALFORMED) {
      return detected;
    }
    const tag = varint(bytes, at, content);
    const wireType = tag & 7;
    const field = tag >>> 3;
    const next = afterField(bytes, content, end, wireType);
    if (next === MALFORMED) {
      return detected;
    }
    switch (field > HIGHEST_FIELD ? 0 : table[field]) {
      case MARK.n:
        return '0.1';
      case MARK.o:
        return '0.0';
      case MARK.t:
        return wireType === VARINT ? '0.0' : '0.1';
      case MARK.f:
        return wireType === VARINT ? '0.1' : '0.0';
      case MARK.s:
        return wireType === LENGTH_DELIMITED && beginsAsMessage(bytes, content, next) ? '0.1' : '0.0';
      case MARK.a:
        if (detected === '0.1' || !isSelector(bytes, content, next)) {
          return '0.0';
        }
        detected = '0.1';
    }
    at = next;
  }
  return detected;
}

function detectWithin(bytes: Uint8Array, table: Uint8Array): Detected {
  const end = bytes.length;
  let at = 0;
  while (at < end) {
    const content = afterVarint(bytes, at, end);
    if (content === MALFORMED) {
      return 'unmarked';
    }
    const tag = varint(bytes, at, content);
    const next = afterField(bytes, content, end, tag & 7);
    if (next === MALFORMED) {
      return 'unmarked';
    }
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) {
      return detect(bytes, afterVarint(bytes, content, next), next, table);
    }
    at = next;
  }
  return 'unmarked';
}

/** Whether the length-delimited field from its length at `at` to `next` is empty or begins with a low tag. */
function beginsAsMessage(bytes: Uint8Array, at: number, next: number): boolean {
  const start = afterVarint(bytes, at, next);
  return start === next || (bytes[start] ?? 0) < NAME_BEGINS;
}

/** Whether the field's content is one text in field 1, or an empty message in field 2, and nothing else. */
function isSelector(bytes: Uint8Array, at: number, next: number): boolean {
  const start = afterVarint(bytes, at, next);
  if (start === next) {
    return true;
  }
  const isAll =
    next - start === 2 && bytes[start] === ((2 << 3) | LENGTH_DELIMITED) && bytes[start + 1] === 0;
  if (isAll || bytes[start] !== ((1 << 3) | LENGTH_DELIMITED)) {
    return isAll;
  }
  return afterField(bytes, start + 1, next, LENGTH_DELIMITED) === next;
}

const MALFORMED = -1;
/** A varint of a message has at most ten bytes. */
const VARINT_BYTES = 10;

function afterVarint(bytes: Uint8Array, at: number, end: number): number {
  const most = Math.min(end, at + VARINT_BYTES);
  for (let next = at; next < most; ) {
    if ((bytes[next++] ?? 0) < 0x80) {
      return next;
    }
  }
  return MALFORMED;
}

/** The low 32 bits of a varint that ends before `end`. */
function varint(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let next = at, shift = 0; next < end && shift < 32; next++, shift += 7) {
    value |= ((bytes[next] ?? 0) & 0x7f) << shift;
  }
  return value >>> 0;
}

/** Where the field whose tag ended at `at` ends. Groups are no part of proto3. */
function afterField(bytes: Uint8Array, at: number, end: number, wireType: number): number {
  let next: number;
  switch (wireType) {
    case VARINT:
      return afterVarint(bytes, at, end);
    case FIXED64:
      next = at + 8;
      break;
    case FIXED32:
      next = at + 4;
      break;
    case LENGTH_DELIMITED: {
      const start = afterVarint(bytes, at, end);
      if (start === MALFORMED) {
        return MALFORMED;
      }
      next = start + varint(bytes, at, start);
      break;
    }
    default:
      return MALFORMED;
  }
  return next <= end ? next : MALFORMED;
}
