import { EventEmitter } from 'node:events';
import { appendFile, rename, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { LogLine, LogOptions } from '../../../../compute/driver.js';
import { OpenShellError } from '../../../../compute/errors.js';
import type { Logger } from '../../../../compute/log.js';
import { createSerialQueue } from '../promises.js';
import { LOG_FILES, linesOf, logRows } from './log-rows.js';

const MAX_LINE = 16 * 1024;
const MAX_FILE_BYTES = 10 * 1024 * 1024;
/** Lines that could not be written, per follower; an entry has a cost besides its text. */
const MAX_UNWRITTEN_BYTES = 256 * 1024;
const ENTRY_BYTES = 128;

/**
 * A main process's output on disk: three files of 10 MiB, each line `<ms> <o|e> <text>`. Followers read these files too,
 * so a slow one costs no memory; for output removed before it was read they receive one line with its size. Lines that
 * cannot be written reach only the followers that keep up.
 */
export interface LogFile {
  write(stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void>;
  /** Writes incomplete lines. */
  flush(): Promise<void>;
  /** Nothing more is written for now: ends all followers. */
  ended(): void;
  read(options: LogOptions, isLive: () => boolean): AsyncGenerator<LogLine>;
}

export function createLogFile(directory: string, log: Logger): LogFile {
  const [oldest, older, current] = LOG_FILES.map((name) => join(directory, name)) as [string, string, string];
  const rows = logRows(directory);
  const events = new EventEmitter().setMaxListeners(0);
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  const partial = { stdout: '', stderr: '' };
  let bytes: number | undefined;
  let broken = false;
  /** For reads and writes, so that no reader sees a rotation. */
  const inTurn = createSerialQueue();

  async function rotate() {
    await rows.beforeRemoval();
    await rename(older, oldest).catch(() => {});
    await rename(current, older).catch(() => {});
    bytes = 0;
  }

  async function keep(text: string): Promise<boolean> {
    try {
      bytes ??= await stat(current).then(
        ({ size }) => size,
        () => 0,
      );
      if (bytes > MAX_FILE_BYTES) {
        await rotate();
      }
      await appendFile(current, text, { mode: 0o600 });
      bytes += Buffer.byteLength(text);
      broken = false;
      return true;
    } catch (error) {
      if (!broken) {
        log.warn(`output of the main process is being lost: ${OpenShellError.from(error).text}`);
      }
      broken = true;
      // A partial row would corrupt the next one.
      await truncate(current, bytes ?? 0).catch(() => {});
      return false;
    }
  }

  async function append(stream: 'stdout' | 'stderr', all: readonly string[]) {
    const timeMs = Date.now();
    const head = `${timeMs} ${stream === 'stdout' ? 'o' : 'e'} `;
    for (const lines of inGroups(all, head.length + 1)) {
      if (await keep(`${head}${lines.join(`\n${head}`)}\n`)) {
        events.emit('written');
      } else if (events.listenerCount('unwritten') > 0) {
        events.emit('unwritten', await rows.end(), { timeMs, stream }, lines);
      }
    }
  }

  return {
    async write(stream, data) {
      const pieces = (partial[stream] + decoders[stream].write(Buffer.from(data))).split('\n');
      const rest = pieces.pop() ?? '';
      const lines = cutAll(pieces);
      const whole = Math.max(0, rest.length - (rest.length % MAX_LINE || MAX_LINE));
      if (whole > 0) {
        lines.push(...cut(rest.slice(0, whole)));
      }
      partial[stream] = rest.slice(whole);
      await inTurn(() => append(stream, lines));
    },
    async flush() {
      for (const stream of ['stdout', 'stderr'] as const) {
        const rest = partial[stream];
        partial[stream] = '';
        if (rest !== '') {
          await inTurn(() => append(stream, cut(rest)));
        }
      }
    },
    ended: () => {
      events.emit('ended');
    },
    async *read({ follow, tail, sinceMs, signal }, isLive) {
      let wake: () => void = () => {};
      let isOver = false;
      let hasNews = false;
      function onNews() {
        hasNews = true;
        wake();
      }

      function onEnd() {
        isOver = true;
        onNews();
      }

      const queue = createUnwritten(onNews);
      signal.addEventListener('abort', onNews);
      try {
        let [position, end] = await inTurn(async () => {
          const bounds = [await rows.startOf(tail, sinceMs), await rows.end()];
          if (follow) {
            events.on('written', onNews).on('unwritten', queue.take).on('ended', onEnd);
          }
          return bounds as [number, number];
        });
        if (!follow) {
          isOver = true;
        } else if (!isLive()) {
          onEnd();
        }
        while (!signal.aborted) {
          hasNews = false;
          // Everything before the end is read in this round at the latest.
          const isLast = isOver;
          const from = position;
          const block = await inTurn(() =>
            rows.read(from, Math.min(follow ? Number.POSITIVE_INFINITY : end, queue.position())),
          );
          position = block.next;
          if (block.lost > 0) {
            yield lostLine(block.lost);
          }
          for (const line of linesOf(block.text)) {
            if (signal.aborted) {
              return;
            }
            if (line.timeMs >= sinceMs) {
              yield line;
            }
          }
          if (position > from) {
            continue;
          }
          const unwritten = queue.next();
          if (unwritten !== undefined) {
            yield unwritten;
            continue;
          }
          if (isLast) {
            return;
          }
          if (hasNews) {
            continue;
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        events.off('written', onNews).off('unwritten', queue.take).off('ended', onEnd);
        signal.removeEventListener('abort', onNews);
      }
    },
  };
}

/** One follower's unwritten lines, with their positions among the written ones. */
function createUnwritten(onNews: () => void) {
  const queue: { readonly position: number; readonly line: LogLine }[] = [];
  let held = 0;
  let lost = 0;
  function costOf(message: string): number {
    return ENTRY_BYTES + 2 * message.length;
  }

  return {
    position: () => queue[0]?.position ?? Number.POSITIVE_INFINITY,
    take: (position: number, kind: Pick<LogLine, 'timeMs' | 'stream'>, messages: readonly string[]) => {
      for (const message of messages) {
        if (held + costOf(message) > MAX_UNWRITTEN_BYTES) {
          lost += Buffer.byteLength(message) + 1;
          continue;
        }
        held += costOf(message);
        queue.push({ position, line: { ...kind, message } });
      }
      onNews();
    },
    next: (): LogLine | undefined => {
      const first = queue.shift();
      if (first !== undefined) {
        held -= costOf(first.line.message);
        return first.line;
      }
      if (lost === 0) {
        return undefined;
      }
      const line = lostLine(lost);
      lost = 0;
      return line;
    },
  };
}

function lostLine(bytes: number): LogLine {
  return {
    timeMs: Date.now(),
    stream: 'stderr',
    message: `[openshell: ${bytes} bytes of this log are missing here: they came faster than they were read]`,
  };
}

/** Bounds a write: a row's head is many times an empty line, so a small message may become much to write. */
const GROUP_CHARS = 48 * 1024;

/** Lines to be written together, each with `overhead` more characters. */
function* inGroups(lines: readonly string[], overhead: number): Generator<readonly string[]> {
  let chars = 0;
  let from = 0;
  for (const [at, line] of lines.entries()) {
    if (chars > 0 && chars + line.length + overhead > GROUP_CHARS) {
      yield lines.slice(from, at);
      from = at;
      chars = 0;
    }
    chars += line.length + overhead;
  }
  if (from < lines.length) {
    yield lines.slice(from);
  }
}

/** Removes a terminal's carriage returns and splits long lines; usually returns the same array. */
function cutAll(lines: string[]): string[] {
  return lines.some((line) => line.length > MAX_LINE || line.endsWith('\r'))
    ? lines.flatMap((line) => cut(line.endsWith('\r') ? line.slice(0, -1) : line))
    : lines;
}

function cut(line: string): string[] {
  if (line.length <= MAX_LINE) {
    return [line];
  }
  const parts: string[] = [];
  for (let at = 0; at < line.length; at += MAX_LINE) {
    parts.push(line.slice(at, at + MAX_LINE));
  }
  return parts;
}
