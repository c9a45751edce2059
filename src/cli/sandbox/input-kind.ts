import { fstatSync } from 'node:fs';
import type { ReadStream } from 'node:tty';

const STDIN_FD = 0;

/**
 * What stdin is good for: a `terminal`; a `stream` (pipe, file, socket), which belongs to the command; or `none`, such
 * as /dev/null or a closed descriptor.
 */
type InputKind = 'terminal' | 'stream' | 'none';

export function inputKind(stdin: ReadStream): InputKind {
  if (stdin.isTTY) {
    return 'terminal';
  }
  try {
    const stat = fstatSync(STDIN_FD);
    return stat.isFIFO() || stat.isFile() || stat.isSocket() ? 'stream' : 'none';
  } catch {
    return 'none';
  }
}
