import { Code, OpenShellError } from '../../compute/errors.js';

export interface Frame {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

/** Stream number, three bytes of nothing, length as 32 bits big-endian. */
const HEADER_BYTES = 8;
/** No engine sends more in one frame; a larger number means that the stream is something else. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/**
 * Takes stdout and stderr out of one stream. Data is passed on as it arrives, so that nothing is held back: what came
 * together for one stream goes out together, moved over the headers in between. With `whole` set only complete frames
 * are passed on, each by itself. The source's buffers are written to.
 */
export async function* demultiplex(
  source: AsyncIterable<Buffer>,
  { whole = false }: { readonly whole?: boolean } = {},
): AsyncGenerator<Frame> {
  let buffer: Buffer = Buffer.alloc(0);
  let stream: Frame['stream'] = 'stdout';
  /** Bytes of the frame that have not come yet. */
  let left = 0;
  for await (const chunk of source) {
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    let position = 0;
    let start = 0;
    let end = 0;
    while (position < buffer.length) {
      if (left === 0) {
        if (buffer.length - position < HEADER_BYTES) {
          break;
        }
        const header = readHeader(buffer, position);
        const isOver = whole || header.stream !== stream;
        if (isOver && end > start) {
          yield { stream, data: buffer.subarray(start, end) };
        }
        position += HEADER_BYTES;
        if (isOver || end === start) {
          start = end = position;
        }
        stream = header.stream;
        left = header.length;
        continue;
      }
      const length = Math.min(left, buffer.length - position);
      if (whole && length < left) {
        break;
      }
      if (end !== position) {
        buffer.copyWithin(end, position, position + length);
      }
      end += length;
      position += length;
      left -= length;
    }
    if (end > start) {
      yield { stream, data: buffer.subarray(start, end) };
    }
    buffer = buffer.subarray(position);
  }
}

function readHeader(buffer: Buffer, position: number): { stream: Frame['stream']; length: number } {
  const number = buffer[position] as number;
  const length = buffer.readUInt32BE(position + 4);
  if (number > 2 || length > MAX_FRAME_BYTES) {
    throw new OpenShellError(Code.INTERNAL, 'the engine sent malformed output frames');
  }
  return { stream: number === 2 ? 'stderr' : 'stdout', length };
}
