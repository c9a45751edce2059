import type { Duplex } from 'node:stream';
import { OpenShellError, unavailable } from '../compute/errors.js';
import { encodeFrame, Frame, HEADER_BYTES, NONCE_BYTES } from './protocol.js';

/** What an earlier conversation may have left on the way, before the answer to ours. */
const MAX_SKIPPED_BYTES = 2 * 1024 * 1024;
const MAX_WELCOME_BYTES = 256;

interface Welcome {
  readonly payload: Buffer;
  /** What came after it. */
  readonly rest: Buffer;
}

/**
 * Looks for the WELCOME that carries our nonce and skips everything before it: after a host was replaced, the stream
 * may begin in the middle of a frame. Leaves the wire paused. UNAVAILABLE or the signal's reason when it does not come.
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
        throw unavailable('the agent sends, but does not answer');
      }
      return undefined;
    }
    const length = held.readUInt32LE(at + 8);
    if (!held.subarray(at, at + 8).equals(header) || length > MAX_WELCOME_BYTES || length < NONCE_BYTES) {
      throw unavailable('the agent answers in another protocol');
    }
    const end = at + HEADER_BYTES + length;
    if (held.length < end) {
      return undefined;
    }
    return { payload: held.subarray(at + HEADER_BYTES, end), rest: held.subarray(end) };
  }

  return new Promise((resolve, reject) => {
    function finish(act: () => void) {
      wire.off('data', onData).off('error', onError).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      wire.pause();
      act();
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
