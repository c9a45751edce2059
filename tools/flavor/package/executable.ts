import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from '../program.js';
import { pinnedNode } from './release.js';
import { SAME_CACHE, writeSea } from './sea.js';
import type { Workshop } from './workshop.js';

const WARM_UP = join(dirname(fileURLToPath(import.meta.url)), 'warm-up.js');
const CODE = 'program.js';
const CACHE = 'program.cache';

/**
 * The main of the executable: it runs the program from an asset, with V8's code cache in another. A cache that this
 * process cannot use, e.g. because of V8 flags in NODE_OPTIONS, is left aside by V8.
 */
const loader = (name: string): string => `'use strict';
const { getRawAsset } = require('node:sea');
const { Script } = require('node:vm');
const source = Buffer.from(getRawAsset('${CODE}')).latin1Slice();
const cachedData = Buffer.from(getRawAsset('${CACHE}'));
const script = new Script(source, { filename: '${name}', cachedData });
script.runInThisContext()(exports, require, module, __filename, __dirname);
`;

/**
 * Writes the bundle as an executable that holds Node itself, with V8's code cache.
 *
 * The cache that Node makes on its own has no function that is first called later, which are nearly all. So the
 * program is loaded once here, as far as it comes without a driver, and its cache is taken then.
 */
export const writeExecutable = async (
  root: string,
  { scratch }: Pick<Workshop, 'scratch'>,
  bundle: string,
  outfile: string,
): Promise<void> => {
  const code = join(scratch, CODE);
  // Latin-1 is what the loader reads: a bundle is ASCII.
  const text = readFileSync(bundle, 'latin1').replace(/^#!.*/, '');
  writeFileSync(code, `(function (exports, require, module, __filename, __dirname) {${text}\n})`, 'latin1');
  const name = basename(bundle);
  await program(pinnedNode(root).path, [SAME_CACHE, WARM_UP, code, join(scratch, CACHE), name], {
    cwd: scratch,
    env: { HOME: scratch },
    timeoutMs: 60_000,
  });
  const main = join(scratch, 'loader.cjs');
  writeFileSync(main, loader(name));
  await writeSea(root, { scratch, main, assets: [CODE, CACHE], outfile });
};
