import { type BuildOptions, build, type Metafile } from 'esbuild';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { multiCall, nodeCheck, OLDEST_NODE } from './multi-call.js';
import type { Program } from './programs.js';
import type { Toolchain } from './toolchain.js';

function common(tree: string) {
  return {
    absWorkingDir: tree,
    bundle: true,
    metafile: true,
    platform: 'node',
    logLevel: 'silent',
  } as const;
}

/** Compiled files that the programs reach, statically or by import(), as paths from the tree's root, sorted. */
export async function reachableFiles({ tree }: Toolchain, programs: readonly Program[]): Promise<string[]> {
  const { metafile } = await build({
    ...common(tree),
    entryPoints: programs.map(({ file }) => file),
    packages: 'external',
    format: 'esm',
    outdir: 'unwritten',
    write: false,
  });
  return Object.keys(metafile.inputs).sort();
}

/** Places of packages whose code is in the output, e.g. `node_modules/a/node_modules/b`, sorted. */
export function bundledPlaces({ outputs }: Metafile): string[] {
  const places = new Set<string>();
  for (const { inputs } of Object.values(outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const place = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
      if (place !== undefined && bytesInOutput > 0) {
        places.add(place);
      }
    }
  }
  return [...places].sort();
}

export interface BundleOptions {
  readonly programs: readonly Program[];
  /** Names of optional packages, which stay external, so that the file is the same with and without them. */
  readonly optional: readonly string[];
  readonly outfile: string;
}

function singleFile(tree: string, { programs, optional, outfile }: BundleOptions) {
  return {
    ...common(tree),
    stdin: { contents: multiCall(programs), resolveDir: tree, sourcefile: 'multi-call.js' },
    outfile,
    external: [...optional],
    format: 'cjs' as const,
    target: `node${OLDEST_NODE.major}.${OLDEST_NODE.minor}`,
    banner: { js: nodeCheck() },
    legalComments: 'eof' as const,
    logOverride: { 'empty-import-meta': 'silent' as const },
  } satisfies BuildOptions;
}

/** Writes every program of the flavor as one CommonJS file for Node 22.13 and later; returns the packages in it. */
export async function writeBundle({ tree }: Toolchain, options: BundleOptions): Promise<string[]> {
  const { metafile, warnings } = await build({
    ...singleFile(tree, options),
    // Names stay as they are, for stack traces: only syntax and space. V8 keeps ASCII in half the memory of any other text.
    minifySyntax: true,
    minifyWhitespace: true,
    charset: 'ascii',
  });
  const [first] = warnings.filter(({ id }) => id !== 'require-resolve-not-external');
  if (first !== undefined) {
    throw failedPrecondition(`the bundle is not valid: ${first.text} (${first.location?.file})`);
  }
  return bundledPlaces(metafile);
}

/** How many lines of code a bundle of that tree has before minification. */
export async function countLines(tree: string, options: Omit<BundleOptions, 'outfile'>): Promise<number> {
  const { outputFiles } = await build({
    ...singleFile(tree, { ...options, outfile: 'unwritten.js' }),
    write: false as const,
  });
  return outputFiles.reduce((sum, { text }) => sum + text.split('\n').length, 0);
}
