import type { LogLine } from '../../compute/driver.js';
import { LONGEST_LOG_LINE_BYTES } from '../../compute/log-line.js';
import { characterStart } from '../../kit/text.js';
import type { Frame } from './frames.js';

const NEWLINE = 0x0a;

/** Every frame is a time, a space and a line or a part of one; parts are joined until a newline or 16 KiB. */
export async function* linesOf(frames: AsyncIterable<Frame>, tty: boolean): AsyncGenerator<LogLine> {
  const open = { stdout: emptyPart(), stderr: emptyPart() };
  for await (const { stream, data } of frames) {
    const space = data.indexOf(0x20);
    const at = Date.parse(data.toString('latin1', 0, Math.max(space, 0)));
    const part = open[stream];
    if (part.bytes.length === 0) {
      part.timeMs = Number.isNaN(at) ? 0 : at;
    }
    part.bytes = Buffer.concat([part.bytes, Number.isNaN(at) ? data : data.subarray(space + 1)]);
    for (;;) {
      const end = part.bytes.indexOf(NEWLINE);
      const whole = end >= 0 && end <= LONGEST_LOG_LINE_BYTES;
      if (!whole && part.bytes.length <= LONGEST_LOG_LINE_BYTES) {
        break;
      }
      const length = whole ? end : characterStart(part.bytes, LONGEST_LOG_LINE_BYTES);
      yield { timeMs: part.timeMs, stream, message: text(part.bytes.subarray(0, length), tty) };
      part.bytes = part.bytes.subarray(whole ? length + 1 : length);
    }
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    const { timeMs, bytes } = open[stream];
    if (bytes.length > 0) {
      yield { timeMs, stream, message: text(bytes, tty) };
    }
  }
}

function emptyPart(): { timeMs: number; bytes: Buffer } {
  return { timeMs: 0, bytes: Buffer.alloc(0) };
}

/** A terminal ends its lines with a carriage return as well. */
function text(bytes: Buffer, tty: boolean): string {
  const line = bytes.toString('utf8');
  return tty && line.endsWith('\r') ? line.slice(0, -1) : line;
}
