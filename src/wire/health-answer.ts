import { encodeBytesField } from './bytes-field.js';

const STATUS = 1;
const VERSION = 2;
const HEALTHY = 1;

/**
 * A healthy HealthResponse, the same in both generations, encoded without any schema: a process is asked for it right
 * after its start, before it needs one.
 */
export function encodeHealthy(version: string): Buffer {
  const status = Buffer.from([STATUS << 3, HEALTHY]);
  return version === ''
    ? status
    : Buffer.concat([status, encodeBytesField(VERSION, Buffer.from(version, 'utf8'))]);
}
