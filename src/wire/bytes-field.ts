const LENGTH_DELIMITED = 2;

/** A message that can copy its encoding into a buffer. A Buffer is one that is already encoded. */
export interface Encoded {
  readonly byteLength: number;
  /** Writes all of it into `target`, from `at` on. */
  copy(target: Uint8Array, at: number): void;
}

/**
 * One encoded `bytes` field: tag, length, data; empty data is written too.
 *
 * With `within`, the field is the only one of a message that is itself that field of an outer message; empty data
 * is then left out, as proto3 does for a field without presence. A command's output passes here at full rate: it is
 * copied once, directly into the frame of the call, where the general encoder makes two copies.
 */
export function bytesField(fieldNumber: number, data: Uint8Array, within?: number): Encoded {
  const isLeftOut = within !== undefined && data.length === 0;
  const length = isLeftOut ? 0 : 1 + varintLength(data.length) + data.length;
  return {
    byteLength: within === undefined ? length : 1 + varintLength(length) + length,
    copy(target, at) {
      const start = within === undefined ? at : writeHeader(target, at, within, length);
      if (!isLeftOut) {
        target.set(data, writeHeader(target, start, fieldNumber, data.length));
      }
    },
  };
}

/** The same in a new buffer. */
export function encodeBytesField(fieldNumber: number, data: Uint8Array): Buffer {
  const field = bytesField(fieldNumber, data);
  const buffer = Buffer.allocUnsafe(field.byteLength);
  field.copy(buffer, 0);
  return buffer;
}

/** Field numbers up to 15, whose tag is one byte. Returns where the content begins. */
function writeHeader(target: Uint8Array, at: number, fieldNumber: number, length: number): number {
  target[at] = (fieldNumber << 3) | LENGTH_DELIMITED;
  let position = at + 1;
  let rest = length;
  while (rest > 0x7f) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) {
    length++;
  }
  return length;
}
