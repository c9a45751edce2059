import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, CODE } from './code-cache.js';
import { writeSea } from './sea.js';
import type { Toolchain } from './toolchain.js';

/** V8 ignores a cache that it cannot use, e.g. because of V8 flags in NODE_OPTIONS. */
const LOADER = `'use strict';
const { getRawAsset } = require('node:sea');
const { Script } = require('node:vm');
const source = Buffer.from(getRawAsset('${CODE}')).latin1Slice();
const cachedData = Buffer.from(getRawAsset('${CACHE}'));
const script = new Script(source, { filename: 'openshell-gateway.cjs', cachedData });
script.runInThisContext()(exports, require, module, __filename, __dirname);
`;

/** Writes an executable with Node, the program and V8's code cache, as `writeCodeCache` wrote them. */
export async function writeExecutable(
  root: string,
  { scratch }: Pick<Toolchain, 'scratch'>,
  outfile: string,
): Promise<void> {
  const main = join(scratch, 'loader.cjs');
  writeFileSync(main, LOADER);
  await writeSea(root, { scratch, main, assets: [CODE, CACHE], outfile });
}
