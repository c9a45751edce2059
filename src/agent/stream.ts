import { Writable } from 'node:stream';
import type { ExecChunk } from '../compute/driver.js';
import { createDeferred } from '../kit/deferred.js';
import { createOutputQueue } from './output-queue.js';
import { Frame, ProtocolBreach, u32, WINDOW_BYTES } from './protocol.js';

const MAX_DATA_BYTES = 32 * 1024;
const GRANT_AFTER_BYTES = WINDOW_BYTES / 4;

export interface StreamExit {
  /** 128 + the signal's number if a signal ended the process. */
  readonly code: number;
  /** The kernel killed it, or another process of the sandbox, for lack of memory. */
  readonly oomKilled: boolean;
}

/** One process or connection inside, seen from the host. */
export interface AgentStream {
  readonly id: number;
  /** A slow reader blocks the process. Ends with the stream or the channel. */
  readonly output: AsyncIterable<ExecChunk>;
  readonly input: Writable;
  /** Rejects when the channel is lost. */
  readonly exit: Promise<StreamExit>;
  resize(cols: number, rows: number): void;
  signal(number: number): void;
  /** Ends every process of the stream: TERM, and KILL after `graceMs`; 0: KILL at once. `exit` settles then. */
  end(graceMs: number): void;
  /** Drops all output from now on, so that the stream can end without a reader. */
  discard(): void;
  /** Stops waiting for its end: `output` ends, `exit` rejects with `error`, and no more credit is granted. */
  abandon(error: Error): void;
}

type SendFrame = (type: number, stream: number, payload?: Uint8Array) => void;

/** The channel's side of a stream, called for the agent's frames. */
export interface StreamHandle {
  readonly stream: AgentStream;
  onData(kind: 'stdout' | 'stderr', data: Buffer): void;
  onGrant(bytes: number): void;
  onExit(exit: StreamExit): void;
  onLost(error: Error): void;
}

export function createStream(id: number, send: SendFrame): StreamHandle {
  const exit = createDeferred<StreamExit>();
  const queue = createOutputQueue();
  let wake: (() => void) | undefined;
  let ended = false;
  let lost: Error | undefined;
  let discarding = false;
  /** What the agent may still send, and what has been read since the last grant. */
  let receiveCredit = WINDOW_BYTES;
  let toGrant = 0;
  let sendCredit = WINDOW_BYTES;
  let resumeWrite: (() => void) | undefined;

  function consumed(bytes: number) {
    toGrant += bytes;
    if (toGrant < GRANT_AFTER_BYTES || ended || lost !== undefined) {
      return;
    }
    send(Frame.CREDIT, id, u32(toGrant));
    receiveCredit += toGrant;
    toGrant = 0;
  }

  function write(data: Buffer, done: (error?: Error | null) => void) {
    let at = 0;
    function go() {
      resumeWrite = undefined;
      while (at < data.length && !ended && lost === undefined) {
        const bytes = Math.min(sendCredit, MAX_DATA_BYTES, data.length - at);
        if (bytes === 0) {
          resumeWrite = go;
          return;
        }
        send(Frame.DATA, id, data.subarray(at, at + bytes));
        sendCredit -= bytes;
        at += bytes;
      }
      done(lost ?? null);
    }

    go();
  }

  const input = new Writable({
    write: (chunk: Buffer, _encoding, done) => write(chunk, done),
    final: (done) => {
      if (!ended && lost === undefined) {
        send(Frame.END_OF_DATA, id);
      }
      done();
    },
  });
  input.on('error', () => {});

  async function* output(): AsyncGenerator<ExecChunk> {
    for (;;) {
      const chunk = queue.shift();
      if (chunk !== undefined) {
        consumed(chunk.data.length);
        yield chunk;
      } else if (ended || lost !== undefined) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }

  function notify() {
    wake?.();
    wake = undefined;
    resumeWrite?.();
  }

  const stream: AgentStream = {
    id,
    output: output(),
    input,
    exit: exit.promise,
    resize: (cols, rows) => send(Frame.RESIZE, id, u32(((rows & 0xffff) * 0x10000 + (cols & 0xffff)) >>> 0)),
    signal: (number) => send(Frame.SIGNAL, id, u32(number)),
    end: (graceMs) => {
      if (!ended && lost === undefined) {
        send(Frame.END, id, u32(graceMs));
      }
    },
    discard: () => {
      discarding = true;
      consumed(queue.clear());
    },
    abandon: (error) => {
      discarding = true;
      queue.clear();
      onLost(error);
    },
  };

  function onLost(error: Error) {
    if (ended || lost !== undefined) {
      return;
    }
    lost = error;
    exit.reject(error);
    notify();
  }

  return {
    stream,
    onData: (kind, data) => {
      if (data.length === 0) {
        throw new ProtocolBreach('an empty data frame');
      }
      receiveCredit -= data.length;
      if (receiveCredit < 0) {
        throw new ProtocolBreach('more data than was granted');
      }
      if (discarding) {
        return consumed(data.length);
      }
      queue.push(kind, data);
      notify();
    },
    onGrant: (bytes) => {
      if (bytes === 0 || sendCredit + bytes > WINDOW_BYTES) {
        throw new ProtocolBreach('a grant of what was not sent');
      }
      sendCredit += bytes;
      notify();
    },
    onExit: (value) => {
      ended = true;
      exit.resolve(value);
      notify();
    },
    onLost,
  };
}
