import { encodeBytesField } from '../bytes-field.js';

const OUTPUT_STDOUT = 2;
const OUTPUT_STDERR = 3;
const INPUT_STDIN = 2;

/** An ExecOutput that carries output, encoded without building the message. */
export function encodeAccessOutput(stream: 'stdout' | 'stderr', data: Uint8Array): Buffer {
  return encodeBytesField(stream === 'stdout' ? OUTPUT_STDOUT : OUTPUT_STDERR, data);
}

/** An ExecInput that carries stdin, encoded without building the message. */
export function encodeAccessStdin(data: Uint8Array): Buffer {
  return encodeBytesField(INPUT_STDIN, data);
}
