import { encodeBytesField } from './bytes-field.js';

const STATUS = 1;
const VERSION = 2;
const HEALTHY = 1;

/**
 * A HealthResponse that says healthy, the same in both generations, encoded without any schema: a process that has
 * just started is asked for it before it needs one.
 */
export function encodeHealthy(version: string): Buffer {
  const status = Buffer.from([STATUS << 3, HEALTHY]);
  return version === ''
    ? status
    : Buffer.concat([status, encodeBytesField(VERSION, Buffer.from(version, 'utf8'))]);
}
