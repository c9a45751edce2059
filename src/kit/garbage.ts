import { setFlagsFromString } from 'node:v8';

/**
 * Has the memory of dead Buffers freed where it is collected and not by a thread in the background. On a busy machine
 * that thread comes late: V8 then takes the bytes that stream through for a heap that grows, and collects all of it
 * again and again, which costs more than the bytes themselves. For the start of a process that passes bytes on.
 */
export function freeBuffersAtOnce(): void {
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
}
