import type { Writable } from 'node:stream';

/** Resolves when there is room for more; what is written to a stream that is over is dropped. */
export async function write(stream: Writable, data: Uint8Array): Promise<void> {
  if (stream.writableEnded || stream.destroyed || stream.write(data)) {
    return;
  }
  await new Promise<void>((resolve) => {
    function done() {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    }

    stream.on('drain', done);
    stream.on('close', done);
  });
}
