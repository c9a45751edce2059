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
 * Takes stdout and stderr out of one stream. A frame's data is passed on as it arrives, in pieces, so that nothing is
 * held back; with `whole` set only complete frames are.
 */
export async function* demultiplex(
  source: AsyncIterable<Buffer>,
  options: { readonly whole?: boolean } = {},
): AsyncGenerator<Frame> {
  let buffer: Buffer = Buffer.alloc(0);
  let stream: Frame['stream'] = 'stdout';
  let left = 0;
  for await (const chunk of source) {
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    while (buffer.length > 0) {
      if (left === 0) {
        if (buffer.length < HEADER_BYTES) break;
        stream = buffer[0] === 2 ? 'stderr' : 'stdout';
        left = buffer.readUInt32BE(4);
        if ((buffer[0] as number) > 2 || left > MAX_FRAME_BYTES) {
          throw new OpenShellError(Code.INTERNAL, 'the engine sent output that cannot be told apart');
        }
        buffer = buffer.subarray(HEADER_BYTES);
        continue;
      }
      if (options.whole && buffer.length < left) break;
      const data = buffer.subarray(0, left);
      buffer = buffer.subarray(data.length);
      left -= data.length;
      yield { stream, data };
    }
  }
}
