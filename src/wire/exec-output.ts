import { bytesField, type Encoded } from './bytes-field.js';

const STDOUT = 1;
const STDERR = 2;
const DATA = 1;

/** An ExecSandboxEvent that carries output, encoded without building the message. */
export function encodeExecOutput(stream: 'stdout' | 'stderr', data: Uint8Array): Encoded {
  return bytesField(DATA, data, stream === 'stdout' ? STDOUT : STDERR);
}
