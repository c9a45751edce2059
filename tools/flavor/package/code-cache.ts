import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from '../program.js';
import { pinnedNode } from './release.js';
import { SAME_CACHE } from './sea.js';
import type { Toolchain } from './toolchain.js';

const WARM_UP = join(dirname(fileURLToPath(import.meta.url)), 'warm-up.js');
/** Files in the toolchain's scratch folder. */
export const CODE = 'program.js';
export const CACHE = 'program.cache';

/**
 * Writes the bundle as the text of a function that takes what CommonJS gives a file, in ASCII, and V8's code cache of
 * it, for the pinned Node.
 *
 * The cache that Node makes of a file before it runs has no function that is called later, which are nearly all. So
 * the program is loaded once here, as far as it comes without a driver, and its cache is taken then.
 */
export async function writeCodeCache(
  root: string,
  { scratch }: Pick<Toolchain, 'scratch'>,
  bundle: string,
): Promise<void> {
  const text = readFileSync(bundle, 'latin1');
  const code = `(function (exports, require, module, __filename, __dirname) {${text}\n})`;
  writeFileSync(join(scratch, CODE), code, 'latin1');
  await program(pinnedNode(root).path, [...SAME_CACHE, WARM_UP, CODE, CACHE], {
    cwd: scratch,
    // Nothing of ours but that: Node hands its coverage on unless it is told not to, and V8 then writes another cache.
    env: { HOME: scratch, NODE_V8_COVERAGE: '' },
    timeoutMs: 60_000,
  });
}
