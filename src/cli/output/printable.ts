/** C0 and C1 controls, and the marks that reorder text on a terminal. */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Makes text from a gateway or a sandbox safe to show on a terminal: control characters, which could move the cursor or
 * set the window's title, become visible escapes. Tabs stay.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, (char) => (char === '\t' ? char : escaped(char.charCodeAt(0))));
}

/** A value as JSON that is safe to show on a terminal; it parses to the same value. */
export function printableJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent);
  return text.replace(UNSAFE, (char) => (char === '\n' ? char : unicodeEscape(char.charCodeAt(0))));
}

function escaped(code: number): string {
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : unicodeEscape(code);
}

function unicodeEscape(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`;
}
