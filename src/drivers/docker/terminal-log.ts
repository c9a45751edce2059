import type { Frame } from '../container/frames.js';

/** The engine breaks a line without an end after this many bytes, and puts a time before the rest as well. */
const RECORD_BYTES = 16 * 1024;
const SPACE = 0x20;
const NEWLINE = 0x0a;

/** The log of a terminal has no frames. Cuts it where the engine has put a time: after each newline or 16 KiB. */
export async function* terminalFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let buffer: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const start = buffer.indexOf(SPACE) + 1;
      if (start === 0) {
        break;
      }
      const newline = buffer.indexOf(NEWLINE, start);
      const ends = newline >= 0 && newline < start + RECORD_BYTES;
      if (!ends && buffer.length < start + RECORD_BYTES) {
        break;
      }
      const end = ends ? newline + 1 : start + RECORD_BYTES;
      yield { stream: 'stdout', data: buffer.subarray(0, end) };
      buffer = buffer.subarray(end);
    }
  }
  if (buffer.length > 0) {
    yield { stream: 'stdout', data: buffer };
  }
}
