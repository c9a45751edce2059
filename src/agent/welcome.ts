import type { Duplex } from 'node:stream';
import { OpenShellError, unavailable } from '../compute/errors.js';
import { encodeFrame, Frame, HEADER_BYTES, NONCE_BYTES } from './protocol.js';

/** What an earlier host's connection may have left before our answer. */
const MAX_SKIPPED_BYTES = 2 * 1024 * 1024;
const MAX_WELCOME_BYTES = 256;

interface Welcome {
  readonly payload: Buffer;
  /** The bytes after it. */
  readonly rest: Buffer;
}

/**
 * Finds the WELCOME with our nonce and skips everything before it: for a new host the stream may begin in the middle of
 * a frame. Leaves the wire paused. Rejects with UNAVAILABLE or the signal's reason when there is none.
 */
export function awaitWelcome(wire: Duplex, nonce: Buffer, signal: AbortSignal): Promise<Welcome> {
  const header = encodeFrame(Frame.WELCOME, 0).subarray(0, 8);
  let held = Buffer.alloc(0);
  let skipped = 0;

  function search(): Welcome | undefined {
    const at = held.indexOf(nonce) - HEADER_BYTES;
    if (at < 0) {
      const keep = Math.min(held.length, HEADER_BYTES + NONCE_BYTES);
      skipped += held.length - keep;
      held = Buffer.from(held.subarray(held.length - keep));
      if (skipped > MAX_SKIPPED_BYTES) {
        throw unavailable('the agent sends data, but no answer');
      }
      return undefined;
    }
    const length = held.readUInt32LE(at + 8);
    if (!held.subarray(at, at + 8).equals(header) || length > MAX_WELCOME_BYTES || length < NONCE_BYTES) {
      throw unavailable('the agent speaks another protocol');
    }
    const end = at + HEADER_BYTES + length;
    if (held.length < end) {
      return undefined;
    }
    return { payload: held.subarray(at + HEADER_BYTES, end), rest: held.subarray(end) };
  }

  return new Promise((resolve, reject) => {
    function finish(settle: () => void) {
      wire.off('data', onData).off('error', onError).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      wire.pause();
      settle();
    }

    function fail(error: Error) {
      return finish(() => {
        wire.destroy();
        reject(error);
      });
    }

    function onData(chunk: Buffer) {
      held = Buffer.concat([held, chunk]);
      try {
        const welcome = search();
        if (welcome !== undefined) {
          finish(() => resolve(welcome));
        }
      } catch (error) {
        fail(error as Error);
      }
    }

    function onError(cause: Error) {
      return fail(unavailable('the channel to the agent broke', { cause }));
    }

    function onClose() {
      return fail(unavailable('the channel to the agent was closed'));
    }

    function onAbort() {
      return fail(OpenShellError.from(signal.reason));
    }

    if (signal.aborted) {
      return onAbort();
    }
    wire.on('data', onData).on('error', onError).on('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
    wire.resume();
  });
}
