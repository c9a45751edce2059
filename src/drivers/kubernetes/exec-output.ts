import type { ExecChunk } from '../../compute/driver.js';

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

export const createExecOutput = (sender: { pause(): void; resume(): void }): ExecOutput => {
  const chunks: ExecChunk[] = [];
  let queuedBytes = 0;
  let paused = false;
  let released = false;
  let abandoned = false;
  let ended = false;
  let hasReader = false;
  let wake = () => {};
  let settle = () => {};
  const drained = new Promise<void>((resolve) => {
    settle = resolve;
  });

  const resume = () => {
    if (!paused) return;
    paused = false;
    sender.resume();
  };

  return {
    drained,
    push(chunk) {
      if (abandoned || (released && queuedBytes > PAUSE_ABOVE_BYTES)) return;
      chunks.push(chunk);
      queuedBytes += costOf(chunk);
      if (queuedBytes > PAUSE_ABOVE_BYTES && !paused && !released) {
        paused = true;
        sender.pause();
      }
      wake();
    },
    end() {
      ended = true;
      if (!hasReader) settle();
      wake();
    },
    release() {
      released = true;
      resume();
    },
    async *[Symbol.asyncIterator]() {
      hasReader = true;
      try {
        for (;;) {
          for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
            queuedBytes -= costOf(chunk);
            if (queuedBytes < RESUME_BELOW_BYTES) resume();
            yield chunk;
          }
          if (ended) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        released = true;
        abandoned = true;
        chunks.length = 0;
        resume();
        settle();
      }
    },
  };
};

const costOf = ({ data }: ExecChunk): number => data.length + CHUNK_COST_BYTES;
