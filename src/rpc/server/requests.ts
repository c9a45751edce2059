import type { Readable } from 'node:stream';

const ENDINGS = ['end', 'close', 'error', 'cancelled'] as const;

/**
 * The messages that the client of a streaming call sends, until it has sent all or the call is over; throws when it
 * was cancelled. A stream's own iterator destroys the stream when the call fails, and the status with it when a message
 * is still on its way out: the client would wait for ever.
 */
export async function* requestsOf(call: Readable & { readonly cancelled: boolean }): AsyncGenerator<Buffer> {
  let isOver = call.destroyed || call.readableEnded;
  let wake = () => {};
  const onReadable = () => wake();
  const onEnding = () => {
    isOver = true;
    wake();
  };
  call.on('readable', onReadable);
  for (const event of ENDINGS) call.on(event, onEnding);
  try {
    for (;;) {
      const message: Buffer | null = call.read();
      if (call.cancelled) throw new Error('the client cancelled the call');
      if (message !== null) yield message;
      else if (isOver) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    call.off('readable', onReadable);
    for (const event of ENDINGS) call.off(event, onEnding);
  }
}
