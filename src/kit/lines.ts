import { characterStart } from './text.js';

const NEWLINE = 0x0a;

interface LinePart {
  readonly text: string;
  /** Whether the line begins, and ends, with this part; a line that is not too long is one part. */
  readonly begins: boolean;
  readonly ends: boolean;
}

/**
 * The lines of a byte stream as text; the last one may lack its newline. A line longer than `longestBytes` is
 * split into parts of that size, so that no more than one part is buffered.
 */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  longestBytes: number,
): AsyncGenerator<LinePart, void> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let begins = true;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let from = 0; from < chunk.length; ) {
      const newline = chunk.indexOf(NEWLINE, from);
      const to = newline === -1 ? chunk.length : newline;
      // Most lines lie within one chunk; copying each would cause most of a fast log's garbage.
      if (newline !== -1 && heldBytes === 0 && to - from <= longestBytes) {
        yield { text: bytes.toString('utf8', from, to), begins, ends: true };
        begins = true;
        from = to + 1;
        continue;
      }
      held.push(bytes.subarray(from, to));
      heldBytes += to - from;
      from = to + 1;
      if (heldBytes > longestBytes) {
        let rest = Buffer.concat(held);
        while (rest.length > longestBytes) {
          const cut = characterStart(rest, longestBytes);
          yield { text: rest.toString('utf8', 0, cut), begins, ends: false };
          begins = false;
          rest = rest.subarray(cut);
        }
        held = [rest];
        heldBytes = rest.length;
      }
      if (newline === -1) {
        continue;
      }
      yield { text: Buffer.concat(held).toString('utf8'), begins, ends: true };
      held = [];
      heldBytes = 0;
      begins = true;
    }
  }
  if (heldBytes > 0) {
    yield { text: Buffer.concat(held).toString('utf8'), begins, ends: true };
  }
}

/** As `readLines`, for lines that are useless in parts: throws `tooLong()` for one longer than `longestBytes`. */
export async function* wholeLines(
  stream: AsyncIterable<Uint8Array>,
  longestBytes: number,
  tooLong: () => Error,
): AsyncGenerator<string, void> {
  for await (const { text, ends } of readLines(stream, longestBytes)) {
    if (!ends) {
      throw tooLong();
    }
    yield text;
  }
}
