import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine } from '../../../../compute/driver.js';

/** Oldest first; the last one is written to. */
export const LOG_FILES = ['main.log.2', 'main.log.1', 'main.log'] as const;

/** Longer than the longest row. */
const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** A file's range in all output since the driver process started, including removed output. */
interface Part {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

interface Block {
  /** Complete rows. */
  readonly text: string;
  /** Where the next block begins; unchanged if there was nothing. */
  readonly next: number;
  /** Bytes that were removed before they were read. */
  readonly lost: number;
}

/** Reads a log's files one block at a time. Positions count bytes from the start of the first file. */
export function logRows(directory: string) {
  let removed = 0;

  async function parts(): Promise<Part[]> {
    const found: Part[] = [];
    let start = removed;
    for (const name of LOG_FILES) {
      const path = join(directory, name);
      const size = await stat(path).then(
        (file) => file.size,
        () => 0,
      );
      found.push({ path, start, end: start + size });
      start += size;
    }
    return found;
  }

  async function end(): Promise<number> {
    return (await parts()).at(-1)?.end ?? 0;
  }

  /** At most a block of the rows from `position` to `until`. */
  async function read(position: number, until = Number.POSITIVE_INFINITY): Promise<Block> {
    const all = await parts();
    const at = Math.max(position, removed);
    const lost = at - position;
    for (const [index, part] of all.entries()) {
      if (part.end <= at) {
        continue;
      }
      const wanted = Math.min(BLOCK_BYTES, part.end - at, until - at);
      if (wanted <= 0) {
        break;
      }
      const bytes = await readAt(part.path, at - part.start, wanted);
      const whole = bytes.lastIndexOf(NEWLINE) + 1;
      if (whole > 0) {
        return { text: bytes.toString('utf8', 0, whole), next: at + whole, lost };
      }
      // A whole block without a row, or an incomplete row at the end of an old file: not written by us.
      const isLast = index === all.length - 1;
      if (bytes.length > 0 && (bytes.length === BLOCK_BYTES || !isLast)) {
        return { text: '', next: at + bytes.length, lost };
      }
      break;
    }
    return { text: '', next: at, lost };
  }

  /** Where the last `tail` rows or the rows since a time begin, whichever is later. Reads from the end. */
  async function startOf(tail: number | undefined, sinceMs: number): Promise<number> {
    const all = await parts();
    const last = all.at(-1)?.end ?? 0;
    if (tail === 0) {
      return last;
    }
    if (tail === undefined && sinceMs <= 0) {
      return removed;
    }
    let rows = 0;
    for (const { path, start, end: fileEnd } of all.reverse()) {
      for (let high = fileEnd; high > start; ) {
        const low = Math.max(start, high - BLOCK_BYTES);
        const bytes = await readAt(path, low - start, high - low);
        for (
          let at = bytes.lastIndexOf(NEWLINE);
          at >= 0;
          at = at === 0 ? -1 : bytes.lastIndexOf(NEWLINE, at - 1)
        ) {
          // This newline ends the row before the first wanted one.
          if (tail !== undefined && rows++ === tail) {
            return low + at + 1;
          }
        }
        const first = low === start ? 0 : bytes.indexOf(NEWLINE) + 1;
        const time = Number(/^\d+/.exec(bytes.toString('latin1', first, first + 20))?.[0] ?? Number.NaN);
        if (time < sinceMs) {
          return low + first;
        }
        high = low;
      }
    }
    return removed;
  }

  return {
    end,
    read,
    startOf,
    /** Call before the oldest file is replaced. */
    beforeRemoval: async () => {
      const [oldest] = await parts();
      removed = oldest?.end ?? removed;
    },
  };
}

async function readAt(path: string, position: number, length: number): Promise<Buffer> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Rows are `<ms> <o|e> <text>`. */
export function* linesOf(text: string): Generator<LogLine> {
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(' ', at);
    const end = text.indexOf('\n', at);
    const timeMs = Number(text.slice(at, space));
    const kind = text[space + 1];
    at = end + 1;
    if (space < 0 || space + 2 >= end || text[space + 2] !== ' ' || !Number.isInteger(timeMs)) {
      continue;
    }
    if (kind !== 'o' && kind !== 'e') {
      continue;
    }
    yield { timeMs, stream: kind === 'o' ? 'stdout' : 'stderr', message: text.slice(space + 3, end) };
  }
}
