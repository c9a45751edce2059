const LENGTH_DELIMITED = 2;

/**
 * One `bytes` field as it stands on the wire: tag, length, data; empty data is written too.
 *
 * With `within`, the field is the only one of a message that is itself that field of an outer message; empty data
 * is then left out, as proto3 does for a field without presence. Output of a command passes here at full rate: one
 * allocation and one copy a frame, where the general encoder copies twice.
 */
export function encodeBytesField(fieldNumber: number, data: Uint8Array, within?: number): Buffer {
  if (within === undefined) {
    const frame = Buffer.allocUnsafe(1 + varintLength(data.length) + data.length);
    writeField(frame, 0, fieldNumber, data);
    return frame;
  }
  const inner = data.length === 0 ? 0 : 1 + varintLength(data.length) + data.length;
  const frame = Buffer.allocUnsafe(1 + varintLength(inner) + inner);
  const at = writeHeader(frame, 0, within, inner);
  if (inner > 0) writeField(frame, at, fieldNumber, data);
  return frame;
}

function writeField(frame: Buffer, at: number, fieldNumber: number, data: Uint8Array): void {
  frame.set(data, writeHeader(frame, at, fieldNumber, data.length));
}

/** Field numbers up to 15, whose tag is one byte. Returns where the content begins. */
function writeHeader(frame: Buffer, at: number, fieldNumber: number, length: number): number {
  frame[at] = (fieldNumber << 3) | LENGTH_DELIMITED;
  let position = at + 1;
  let rest = length;
  while (rest > 0x7f) {
    frame[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  frame[position++] = rest;
  return position;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) length++;
  return length;
}
