import type { ReadStream } from 'node:tty';

/**
 * Gives every key to the program instead of to the terminal's line editing. Returns what sets it back; the end of the
 * process, however it comes, does so too.
 */
export function enterRawMode(stdin: ReadStream): () => void {
  function restore() {
    process.off('exit', restore);
    stdin.setRawMode(false);
  }

  process.once('exit', restore);
  stdin.setRawMode(true);
  return restore;
}
