import type { EventEmitter } from 'node:events';
import type { Writable } from 'node:stream';

/** How long to wait for room, and the error when that is over. */
export interface Patience {
  readonly ms: number;
  readonly late: () => Error;
}

/**
 * Resolves when a stream has room for more, or with the first of its `ends`: what is written after that is dropped.
 * Rejects when patience is over; without any it waits forever.
 */
export function drained(stream: EventEmitter, ends: readonly string[], patience?: Patience): Promise<void> {
  return new Promise((resolve, reject) => {
    function wake() {
      clearTimeout(timer);
      for (const event of events) {
        stream.off(event, wake);
      }
      resolve();
    }

    function giveUp() {
      reject(patience?.late());
      wake();
    }

    const events = ['drain', ...ends];
    const timer = patience && setTimeout(giveUp, patience.ms).unref();
    for (const event of events) {
      stream.on(event, wake);
    }
  });
}

/** Resolves when there is room for more; what is written to a stream that has ended is dropped. */
export async function write(stream: Writable, data: Uint8Array): Promise<void> {
  if (!stream.writableEnded && !stream.destroyed && !stream.write(data)) {
    await drained(stream, ['close']);
  }
}
