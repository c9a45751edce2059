import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The word by which the single file that holds all programs is asked for the driver process. */
const WORD = 'driver-vm';

/**
 * How to start the driver process of this build: its own file, or in a build that is one file that file again. It is
 * named by its path, so that nothing of it is a part of the gateway's own graph of modules.
 */
export function ownProgram(): readonly [command: string, ...args: string[]] {
  // A build in one CommonJS file has no import.meta.
  const here = import.meta.url as string | undefined;
  const main = here === undefined ? '' : fileURLToPath(new URL('./process/main.js', here));
  if (main !== '' && existsSync(main)) {
    return [process.execPath, main];
  }
  const file = process.argv[1];
  return file === undefined || file === process.execPath
    ? [process.execPath, WORD]
    : [process.execPath, file, WORD];
}
