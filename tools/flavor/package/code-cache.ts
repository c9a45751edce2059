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
 * Writes the bundle as a function with the parameters of a CommonJS module, in ASCII, and V8's code cache for it, made by
 * the pinned Node.
 *
 * A cache created before the code runs lacks nearly all functions, because they are compiled when called. So the program
 * is loaded once here, as far as possible without a driver, and its cache is created then.
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
    // Nothing else of ours: an inherited NODE_V8_COVERAGE would change the cache.
    env: { HOME: scratch, NODE_V8_COVERAGE: '' },
    timeoutMs: 60_000,
  });
}
