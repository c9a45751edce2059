import type { ExecChunk } from '../../compute/driver.js';
import { createDeferred } from '../../kit/deferred.js';
import { createQueue } from '../../kit/queue.js';

/** What a command printed, on its way to a reader that may be slow. */
export interface ExecOutput extends AsyncIterable<ExecChunk> {
  push(chunk: ExecChunk): void;
  end(): void;
  /** Never hold the sender back again, and drop what is too much: the command is being ended. */
  release(): void;
  /** Resolves after `end` when the reader has everything, or there is none. */
  readonly drained: Promise<void>;
}

const PAUSE_ABOVE_BYTES = 256 * 1024;
const RESUME_BELOW_BYTES = 64 * 1024;
/** What keeping a chunk costs beside its bytes: a program may print them one by one. */
const CHUNK_COST_BYTES = 256;

export function createExecOutput(sender: { pause(): void; resume(): void }): ExecOutput {
  const drained = createDeferred();
  let released = false;
  let hasReader = false;
  const queue = createQueue<ExecChunk>({
    capacity: PAUSE_ABOVE_BYTES,
    cost: ({ data }) => data.length + CHUNK_COST_BYTES,
    source: sender,
    resumeBelow: RESUME_BELOW_BYTES,
  });
  return {
    drained: drained.promise,
    push(chunk) {
      if (released) {
        queue.offer(chunk);
      } else {
        queue.accept(chunk);
      }
    },
    end() {
      if (!hasReader) {
        drained.resolve();
      }
      queue.end();
    },
    release() {
      released = true;
      queue.release();
    },
    async *[Symbol.asyncIterator]() {
      hasReader = true;
      try {
        yield* queue;
      } finally {
        drained.resolve();
      }
    },
  };
}
