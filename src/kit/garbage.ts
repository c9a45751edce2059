import { setFlagsFromString } from 'node:v8';

/**
 * Frees the memory of dead Buffers during garbage collection instead of on a background thread. On a busy machine that
 * thread runs late: V8 then mistakes the bytes that stream through for a growing heap and collects all of it again and
 * again, which costs more than the bytes themselves. Call it at the start of a process that relays bytes.
 */
export function freeBuffersAtOnce(): void {
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
}
