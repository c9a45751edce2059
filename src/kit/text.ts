const ELLIPSIS = '…';

/**
 * Cuts a text to at most `bytes` of UTF-8, between characters, with `…` in place of the rest. Lone surrogates, which
 * have no UTF-8, become U+FFFD.
 */
export function cutText(text: string, bytes: number): string {
  // One unit more than can stay: each is at least a byte, and a pair split here is cut off below.
  const encoded = Buffer.from(text.slice(0, bytes + 1));
  if (encoded.length <= bytes) {
    return encoded.toString();
  }
  let end = Math.max(0, bytes - Buffer.byteLength(ELLIPSIS));
  while (end > 0 && ((encoded[end] as number) & 0xc0) === 0x80) {
    end--;
  }
  return encoded.toString('utf8', 0, end) + ELLIPSIS;
}

/** The last position at or before `at` where a UTF-8 character may begin. */
export function characterStart(bytes: Uint8Array, at: number): number {
  for (let i = at; i > at - 4; i--) {
    if (((bytes[i] as number) & 0xc0) !== 0x80) {
      return i;
    }
  }
  return at;
}
