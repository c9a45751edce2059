import { type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from 'node:http2';
import { Code } from '../../compute/errors.js';
import { CallFailure } from '../call-failure.js';
import type { Link } from './link.js';
import { failureIn, httpFailure, resetFailure } from './status.js';

/** One byte says whether a message is compressed, four how long it is. */
const FRAME_BYTES = 5;

export interface Attempt {
  readonly headers: OutgoingHttpHeaders;
  /** The request's message, framed. */
  readonly body: Buffer;
  readonly maxAnswerBytes: number;
  /** Called once: with the message of the response, or with the failure. */
  ended(outcome: Buffer | CallFailure): void;
}

/** A message with its gRPC frame, uncompressed. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_BYTES + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, FRAME_BYTES);
  return frame;
}

/** Sends a request on a connection. Returns a function that cancels it; `ended` is not called then. */
export function attempt(link: Link, { headers, body, maxAnswerBytes, ended }: Attempt): () => void {
  let stream: ClientHttp2Stream;
  try {
    stream = link.session.request(headers);
  } catch (error) {
    const details = error instanceof Error ? error.message : String(error);
    const failure = link.failure() ?? new CallFailure(Code.UNAVAILABLE, details);
    process.nextTick(() => ended(failure));
    return () => {};
  }
  const release = link.use();
  const answer = createAnswer(maxAnswerBytes);
  let httpStatus: number | undefined;
  let status: { readonly failure: CallFailure | undefined } | undefined;
  let isOver = false;

  function finish(outcome?: Buffer | CallFailure) {
    if (isOver) {
      return;
    }
    isOver = true;
    release();
    // Drain what still comes, so that the stream can close.
    stream.resume();
    if (!stream.closed) {
      stream.close(constants.NGHTTP2_CANCEL);
    }
    if (outcome !== undefined) {
      ended(outcome);
    }
  }

  stream.on('response', (received, flags) => {
    httpStatus = Number(received[':status']);
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
      status = { failure: failureIn(received, httpStatus) };
    }
  });
  stream.on('trailers', (received) => {
    status = { failure: failureIn(received, httpStatus ?? 0) };
    if (status.failure !== undefined) {
      finish(status.failure);
    }
  });
  stream.on('data', (bytes: Buffer) => {
    if (isOver) {
      return;
    }
    const failure = answer.add(bytes);
    // A proxy's HTML page would be read as a huge message: its HTTP status says more.
    if (failure !== undefined) {
      finish(httpStatus === 200 ? failure : httpFailure(httpStatus ?? 0));
    }
  });
  // Handled on 'close', with more detail.
  stream.on('error', () => {});
  stream.on('close', () => {
    // The connection's own error is emitted in the same turn.
    setImmediate(() => {
      if (isOver) {
        return;
      }
      if (status !== undefined) {
        return finish(status.failure ?? answer.message());
      }
      finish(link.failure() ?? resetFailure(stream.rstCode, httpStatus));
    });
  });
  stream.end(body);
  return () => finish();
}

/** Assembles the message of a response, and rejects an invalid one. */
function createAnswer(maxBytes: number) {
  const parts: Buffer[] = [];
  let length = 0;
  /** Length including the frame; unknown until the frame has arrived. */
  let wanted: number | undefined;
  function readFrame(): CallFailure | undefined {
    const frame = Buffer.concat(parts);
    parts.splice(0, parts.length, frame);
    const bytes = frame.readUInt32BE(1);
    if (bytes > maxBytes) {
      const details = `Received message larger than max (${bytes} vs ${maxBytes})`;
      return new CallFailure(Code.RESOURCE_EXHAUSTED, details);
    }
    if (frame.readUInt8(0) !== 0) {
      return new CallFailure(Code.INTERNAL, 'Received compressed message, and none was asked for');
    }
    wanted = FRAME_BYTES + bytes;
    return undefined;
  }

  return {
    /** Returns why the response is invalid. */
    add(bytes: Buffer): CallFailure | undefined {
      parts.push(bytes);
      length += bytes.length;
      const failure = wanted === undefined && length >= FRAME_BYTES ? readFrame() : undefined;
      if (failure !== undefined) {
        return failure;
      }
      return wanted !== undefined && length > wanted
        ? new CallFailure(Code.UNIMPLEMENTED, 'Too many responses received')
        : undefined;
    },
    /** Call after status OK. */
    message(): Buffer | CallFailure {
      if (length !== wanted) {
        return new CallFailure(Code.UNIMPLEMENTED, 'No message received');
      }
      return Buffer.concat(parts, length).subarray(FRAME_BYTES);
    },
  };
}
