import { EventEmitter } from 'node:events';
import { appendFile, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { LogLine, LogOptions } from '../../../../compute/driver.js';
import { OpenShellError } from '../../../../compute/errors.js';
import type { Logger } from '../../../../compute/log.js';

const MAX_LINE = 16 * 1024;
const MAX_FILE_BYTES = 10 * 1024 * 1024;
const FILE = 'main.log';
/** With the current file at most three. */
const OLD_FILES = ['main.log.2', 'main.log.1'] as const;

/**
 * A main process's output on the disk: three files of 10 MiB, one `<ms> <o|e> <text>` a line. Lines that cannot be
 * written reach those who follow and nobody else.
 */
export interface LogFile {
  write(stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void>;
  /** Writes what has no line end yet. */
  flush(): Promise<void>;
  /** No more is written for now: ends those who follow. */
  ended(): void;
  read(options: LogOptions, isLive: () => boolean): AsyncGenerator<LogLine>;
}

export const createLogFile = (directory: string, log: Logger): LogFile => {
  const path = join(directory, FILE);
  const events = new EventEmitter().setMaxListeners(0);
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  const partial = { stdout: '', stderr: '' };
  let bytes: number | undefined;
  let broken = false;
  let lane: Promise<unknown> = Promise.resolve();

  /** Reads and writes take turns, so that a reader goes on exactly where the files ended. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = lane.then(work);
    lane = result.catch(() => {});
    return result;
  };

  const rotate = async () => {
    const [oldest, older] = OLD_FILES;
    await rename(join(directory, older), join(directory, oldest)).catch(() => {});
    await rename(path, join(directory, older)).catch(() => {});
    bytes = 0;
  };

  const keep = async (text: string) => {
    try {
      bytes ??= await stat(path).then(
        ({ size }) => size,
        () => 0,
      );
      if (bytes > MAX_FILE_BYTES) await rotate();
      await appendFile(path, text, { mode: 0o600 });
      bytes = (bytes ?? 0) + Buffer.byteLength(text);
      broken = false;
    } catch (error) {
      if (!broken) log.warn(`output of the main process is lost: ${OpenShellError.from(error).text}`);
      broken = true;
    }
  };

  const append = async (stream: 'stdout' | 'stderr', lines: readonly string[]) => {
    if (lines.length === 0) return;
    const timeMs = Date.now();
    const text = lines.map((line) => `${timeMs} ${stream === 'stdout' ? 'o' : 'e'} ${line}\n`).join('');
    await keep(text);
    for (const message of lines) events.emit('line', { timeMs, stream, message } satisfies LogLine);
  };

  const stored = async (): Promise<LogLine[]> => {
    const lines: LogLine[] = [];
    for (const name of [...OLD_FILES, FILE]) {
      const text = await readFile(join(directory, name), 'utf8').catch(() => '');
      for (const row of text.split('\n').slice(0, -1)) {
        const match = /^(\d+) ([oe]) (.*)$/s.exec(row);
        if (match === null) continue;
        const stream = match[2] === 'o' ? 'stdout' : 'stderr';
        lines.push({ timeMs: Number(match[1]), stream, message: match[3] as string });
      }
    }
    return lines;
  };

  return {
    async write(stream, data) {
      const pieces = (partial[stream] + decoders[stream].write(Buffer.from(data))).split('\n');
      let rest = pieces.pop() ?? '';
      const lines = pieces.flatMap((line) => cut(line.endsWith('\r') ? line.slice(0, -1) : line));
      while (rest.length > MAX_LINE) {
        lines.push(rest.slice(0, MAX_LINE));
        rest = rest.slice(MAX_LINE);
      }
      partial[stream] = rest;
      await inTurn(() => append(stream, lines));
    },
    async flush() {
      for (const stream of ['stdout', 'stderr'] as const) {
        const rest = partial[stream];
        partial[stream] = '';
        if (rest !== '') await inTurn(() => append(stream, cut(rest)));
      }
    },
    ended: () => {
      events.emit('ended');
    },
    async *read({ follow, tail, sinceMs, signal }, isLive) {
      const live: LogLine[] = [];
      let wake: () => void = () => {};
      let over = false;
      const onLine = (line: LogLine) => {
        live.push(line);
        wake();
      };
      const onEnd = () => {
        over = true;
        wake();
      };
      signal.addEventListener('abort', onEnd);
      try {
        const past = await inTurn(async () => {
          const lines = await stored();
          events.on('line', onLine).on('ended', onEnd);
          return lines;
        });
        const known = past.filter(({ timeMs }) => timeMs >= sinceMs);
        yield* tail === undefined ? known : known.slice(known.length - Math.min(tail, known.length));
        if (!isLive()) over = true;
        while (follow && !signal.aborted) {
          const line = live.shift();
          if (line !== undefined) {
            yield line;
            continue;
          }
          if (over) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        events.off('line', onLine).off('ended', onEnd);
        signal.removeEventListener('abort', onEnd);
      }
    },
  };
};

const cut = (line: string): string[] => {
  if (line.length <= MAX_LINE) return [line];
  const parts: string[] = [];
  for (let at = 0; at < line.length; at += MAX_LINE) parts.push(line.slice(at, at + MAX_LINE));
  return parts;
};
