import { EventEmitter } from 'node:events';
import type { DriverEvent } from '../../compute/driver.js';

/** Carries changes to every open watch. */
export function createNews() {
  const emitter = new EventEmitter().setMaxListeners(0);
  return { emitter, tell: (event: DriverEvent): void => void emitter.emit('event', event) };
}
