import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { program } from '../program.js';
import { pinnedNode } from './release.js';
import type { Workshop } from './workshop.js';

/** Where Node looks for the program inside of itself. */
const SECTION = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
/** Without a fixed seed V8 lays its code cache out anew each time; the seed is no part of what accepts the cache. */
const SAME_CACHE = '--random-seed=1';

/** Writes the bundle as an executable that holds Node itself, with V8's code cache. */
export const writeExecutable = async (
  root: string,
  { scratch }: Workshop,
  bundle: string,
  outfile: string,
): Promise<void> => {
  const node = pinnedNode(root);
  const blob = 'sea.blob';
  // Node writes the path of the program into the result: it has to be the same wherever this runs.
  const main = relative(scratch, bundle);
  const config = { main, output: blob, disableExperimentalSEAWarning: true, useCodeCache: true };
  writeFileSync(join(scratch, 'sea.json'), JSON.stringify(config));
  await program(node.path, [SAME_CACHE, '--experimental-sea-config', 'sea.json'], { cwd: scratch });
  copyFileSync(node.path, outfile);
  chmodSync(outfile, 0o755);
  const postject = join(root, 'node_modules', 'postject', 'dist', 'cli.js');
  await program(node.path, [postject, outfile, SECTION, blob, '--sentinel-fuse', FUSE], { cwd: scratch });
};
