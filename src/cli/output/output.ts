import type { Writable } from 'node:stream';
import { drained } from '../../kit/drain.js';
import { interruptedError } from '../failure.js';

/** stdout or stderr with back-pressure; a reader that disconnects is not reported. */
export interface Output {
  readonly isTerminal: boolean;
  /** Aborts, with the error to exit with, when the reader is gone. */
  readonly closed: AbortSignal;
  /** Resolves when there is room for more; throws when the reader is gone. */
  write(data: string | Uint8Array): Promise<void>;
  /** Resolves when everything has been written, or never will be. */
  flush(): Promise<void>;
}

export function createOutput(stream: Writable & { isTTY?: boolean }): Output {
  const closed = new AbortController();
  stream.on('error', () => closed.abort(interruptedError('SIGPIPE')));
  return {
    isTerminal: stream.isTTY === true,
    closed: closed.signal,
    async write(data) {
      closed.signal.throwIfAborted();
      if (!stream.write(data)) {
        await drained(stream, ['error']);
        closed.signal.throwIfAborted();
      }
    },
    async flush() {
      if (closed.signal.aborted || stream.writableLength === 0) {
        return;
      }
      await new Promise<void>((resolve) => stream.write('', () => resolve()));
    },
  };
}
