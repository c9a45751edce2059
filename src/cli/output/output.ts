import type { Writable } from 'node:stream';
import { roomIn } from '../../kit/drain.js';
import { interruptedError } from '../failure.js';

/** stdout or stderr with back-pressure, and quiet about a reader that went away. */
export interface Output {
  readonly isTerminal: boolean;
  /** Aborts, with the error to end the process with, when nobody reads any more. */
  readonly closed: AbortSignal;
  /** Resolves when there is room for more; throws when nobody reads any more. */
  write(data: string | Uint8Array): Promise<void>;
  /** Resolves when everything written has left the process, or never will. */
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
        await roomIn(stream, ['error']);
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
