import { finished, type Readable } from 'node:stream';

/** How much may wait for its reader before the source is held back. */
const MOST_WAITING_BYTES = 256 * 1024;

/**
 * What a source brings, piece by piece. It flows until too much waits, where a stream's own iterator stops it after
 * every piece and turns to the system for the next. Throws when the source breaks off; ending early destroys it.
 */
export async function* arrivals(source: Readable): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let end: { readonly error: Error | null | undefined } | undefined;
  let wake = () => {};
  const keep = (piece: Buffer) => {
    waiting.push(piece);
    waitingBytes += piece.length;
    if (waitingBytes >= MOST_WAITING_BYTES) source.pause();
    wake();
  };
  const forget = finished(source, { writable: false }, (error) => {
    end = { error };
    wake();
  });
  source.on('data', keep);
  try {
    for (;;) {
      if (waiting.length > 0) {
        const pieces = waiting;
        waiting = [];
        waitingBytes = 0;
        source.resume();
        yield* pieces;
      } else if (end === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (end.error) {
        throw end.error;
      } else {
        return;
      }
    }
  } finally {
    forget();
    source.off('data', keep);
    source.destroy();
  }
}
