import type { ExecChunk } from '../compute/driver.js';

const BLOCK_BYTES = 4 * 1024;
/** How many read runs may precede the unread ones. */
const MAX_READ_RUNS = 1024;

interface Run {
  readonly stream: ExecChunk['stream'];
  readonly block: Buffer;
  readonly from: number;
  to: number;
}

/** Output waiting for its reader, merged into blocks, so that small frames take no more memory than their bytes. */
interface OutputQueue {
  push(stream: ExecChunk['stream'], data: Uint8Array): void;
  shift(): ExecChunk | undefined;
  /** Drops everything and returns the number of bytes. */
  clear(): number;
}

export function createOutputQueue(): OutputQueue {
  const runs: Run[] = [];
  let read = 0;
  let block = Buffer.alloc(0);
  let used = 0;

  function shift(): ExecChunk | undefined {
    const run = runs[read];
    if (run === undefined) {
      return undefined;
    }
    if (++read === runs.length || read > MAX_READ_RUNS) {
      runs.splice(0, read);
      read = 0;
    }
    return { stream: run.stream, data: run.block.subarray(run.from, run.to) };
  }

  return {
    push(stream, data) {
      if (block.length - used < data.length) {
        block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, data.length));
        used = 0;
      }
      block.set(data, used);
      const last = read < runs.length ? runs.at(-1) : undefined;
      if (last?.block === block && last.stream === stream) {
        last.to += data.length;
      } else {
        runs.push({ stream, block, from: used, to: used + data.length });
      }
      used += data.length;
    },
    shift,
    clear() {
      let bytes = 0;
      for (let chunk = shift(); chunk !== undefined; chunk = shift()) {
        bytes += chunk.data.length;
      }
      return bytes;
    },
  };
}
