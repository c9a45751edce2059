import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { program } from '../program.js';
import { pinnedNode } from './release.js';

/** Where Node looks for the embedded program. */
const SECTION = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
/**
 * Without a fixed seed, or with background threads, V8's code cache differs between runs; neither flag affects whether a
 * cache is accepted.
 */
export const SAME_CACHE = ['--random-seed=1', '--predictable'];

export interface SeaOptions {
  readonly scratch: string;
  /** A CommonJS file. */
  readonly main: string;
  /** Files in `scratch` that the program can read by name. */
  readonly assets?: readonly string[];
  readonly outfile: string;
}

/** Writes a single executable as Node builds it from one file: Node, the file, and V8's code cache for it. */
export async function writeSea(
  root: string,
  { scratch, main, assets = [], outfile }: SeaOptions,
): Promise<void> {
  const node = pinnedNode(root);
  const blob = 'sea.blob';
  const config = {
    // Node writes the path of the program into the result, so it must not depend on the machine.
    main: relative(scratch, main),
    output: blob,
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
    assets: Object.fromEntries(assets.map((name) => [name, name])),
  };
  writeFileSync(join(scratch, 'sea.json'), JSON.stringify(config));
  await program(node.path, [...SAME_CACHE, '--experimental-sea-config', 'sea.json'], { cwd: scratch });
  copyFileSync(node.path, outfile);
  chmodSync(outfile, 0o755);
  const postject = join(root, 'node_modules', 'postject', 'dist', 'cli.js');
  await program(node.path, [postject, outfile, SECTION, blob, '--sentinel-fuse', FUSE], { cwd: scratch });
}
