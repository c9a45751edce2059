import type { ExecChunk } from '../../compute/driver.js';
import { createDeferred } from '../../kit/deferred.js';
import { createQueue, type Source } from '../../kit/queue.js';

const PAUSE_ABOVE_BYTES = 256 * 1024;
const RESUME_BELOW_BYTES = 64 * 1024;
/** What holding a chunk costs on top of its bytes: a program may print them one by one. */
const CHUNK_COST_BYTES = 256;

/** A command's output, buffered for a reader that may be slow. */
export function createExecOutput(sender: Source) {
  const drained = createDeferred();
  let isReleased = false;
  let hasReader = false;
  const queue = createQueue<ExecChunk>({
    capacity: PAUSE_ABOVE_BYTES,
    cost: ({ data }) => data.length + CHUNK_COST_BYTES,
    source: sender,
    resumeBelow: RESUME_BELOW_BYTES,
  });
  return {
    /** Resolves after `end` once the reader has everything, or if there is no reader. */
    drained: drained.promise,
    push(chunk: ExecChunk): void {
      if (isReleased) {
        queue.offer(chunk);
      } else {
        queue.accept(chunk);
      }
    },
    end(): void {
      if (!hasReader) {
        drained.resolve();
      }
      queue.end();
    },
    /** From now on, drops excess output instead of pausing the sender: the command is being ended. */
    release(): void {
      isReleased = true;
      queue.release();
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<ExecChunk, void> {
      hasReader = true;
      try {
        yield* queue;
      } finally {
        drained.resolve();
      }
    },
  };
}
