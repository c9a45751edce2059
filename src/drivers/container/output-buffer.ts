import { finished, type Readable } from 'node:stream';
import { createQueue } from '../../kit/queue.js';

/** How much may wait for its reader before the source is held back, and when it goes on. */
const PAUSE_AT_BYTES = 256 * 1024;
const RESUME_BELOW_BYTES = 128 * 1024;

/**
 * A source's data, piece by piece. It flows until too much waits, where a stream's own iterator stops it after
 * every piece and turns to the system for the next. Throws when the source breaks off; ending early destroys it.
 */
export async function* bufferedOutput(source: Readable): AsyncGenerator<Buffer> {
  const queue = createQueue<Buffer>({
    capacity: PAUSE_AT_BYTES,
    cost: ({ length }) => length,
    source,
    resumeBelow: RESUME_BELOW_BYTES,
  });
  const forget = finished(source, { writable: false }, (error) => queue.end(error ?? undefined));
  source.on('data', queue.accept);
  try {
    yield* queue;
  } finally {
    forget();
    source.off('data', queue.accept);
    source.destroy();
  }
}
