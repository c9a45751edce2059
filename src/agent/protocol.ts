/** Frame types; see protocol.md. */
export const Frame = {
  HELLO: 0x01,
  SETUP: 0x02,
  SPAWN: 0x03,
  CONNECT: 0x04,
  DATA: 0x05,
  END_OF_DATA: 0x06,
  CREDIT: 0x07,
  RESIZE: 0x08,
  SIGNAL: 0x09,
  END: 0x0a,
  PING: 0x0b,
  FIGURES: 0x0c,
  CLOCK: 0x0d,
  HALT: 0x0e,
  RELEASE: 0x0f,
  WELCOME: 0x41,
  DONE: 0x42,
  STARTED: 0x43,
  OUT: 0x44,
  ERR: 0x45,
  EXIT: 0x47,
  FAILED: 0x48,
  GRANT: 0x49,
  PONG: 0x4a,
  FIGURES_ARE: 0x4b,
} as const;

export const HEADER_BYTES = 12;
/** The largest payload that the agent accepts; this much padding completes any partial frame. */
export const MAX_PAYLOAD_TO_AGENT_BYTES = 256 * 1024;
/** The largest payload that the agent sends; a header that claims more violates the protocol. */
export const MAX_PAYLOAD_FROM_AGENT_BYTES = 32 * 1024;
/** Bytes in flight per stream and direction before the receiver grants more. */
export const WINDOW_BYTES = 256 * 1024;
/** The stream of the main process. */
export const MAIN_STREAM = 1;
export const NONCE_BYTES = 16;

const MAGIC = [0x4f, 0x53] as const;

export function encodeFrame(type: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  if (payload.length > MAX_PAYLOAD_TO_AGENT_BYTES) {
    throw new RangeError(`a frame of ${payload.length} bytes is more than the agent takes`);
  }
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame[0] = MAGIC[0];
  frame[1] = MAGIC[1];
  frame[2] = type;
  frame[3] = 0;
  frame.writeUInt32LE(stream, 4);
  frame.writeUInt32LE(payload.length, 8);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** `<tag><text>\0` records. Throws RangeError for a NUL inside a text, which no program can receive. */
export function encodeRecords(records: Iterable<readonly [tag: string, text: string]>): Buffer {
  const parts: Buffer[] = [];
  for (const [tag, text] of records) {
    if (text.includes('\0')) {
      throw new RangeError('a NUL character cannot be passed to a process');
    }
    parts.push(Buffer.from(`${tag}${text}\0`));
  }
  return Buffer.concat(parts);
}

/** The last text of each tag; unterminated records are skipped. */
export function decodeRecords(payload: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (const record of payload.toString('latin1').split('\0').slice(0, -1)) {
    if (record !== '') {
      records.set(record.slice(0, 1), record.slice(1));
    }
  }
  return records;
}

export interface DecodedFrame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The peer violated the protocol: it is hostile or broken, and nothing more is read from it. */
export class ProtocolBreach extends Error {
  override readonly name = 'ProtocolBreach';
}

function isMagic(bytes: Buffer): boolean {
  return bytes[0] === MAGIC[0] && bytes[1] === MAGIC[1] && bytes[3] === 0;
}

/** Splits a byte stream into frames, holding at most one partial frame of a checked length. Throws ProtocolBreach. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);

  *push(chunk: Buffer): Generator<DecodedFrame> {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (bytes.length >= HEADER_BYTES) {
      if (!isMagic(bytes)) {
        throw new ProtocolBreach('bytes that are not a frame');
      }
      const length = bytes.readUInt32LE(8);
      if (length > MAX_PAYLOAD_FROM_AGENT_BYTES) {
        throw new ProtocolBreach(`a frame that claims ${length} bytes`);
      }
      const end = HEADER_BYTES + length;
      if (bytes.length < end) {
        break;
      }
      const frame = {
        type: bytes[2] as number,
        stream: bytes.readUInt32LE(4),
        payload: bytes.subarray(HEADER_BYTES, end),
      };
      bytes = bytes.subarray(end);
      yield frame;
    }
    // Copied, so that a small rest does not keep the whole chunk in memory.
    this.#held = Buffer.from(bytes);
  }
}
