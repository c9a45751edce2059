import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { program } from '../program.js';
import type { ArtifactKind } from './artifacts.js';
import { writeEntries } from './files.js';
import { readTar } from './formats/tar.js';
import { imageRoot } from './image.js';
import type { Manifest } from './manifest.js';

/** The command that runs an artifact, before its own arguments. */
export type CommandLine = readonly [file: string, ...args: string[]];

export interface RunnableOptions {
  readonly kind: ArtifactKind;
  readonly path: string;
  /** Node for artifacts that contain none. */
  readonly node: string;
  /** An empty folder for unpacking. */
  readonly scratch: string;
}

/** How to run an artifact on this host: an archive is unpacked, an image runs on its own loader and libraries. */
export function runnable({ kind, path, node, scratch }: RunnableOptions): CommandLine {
  switch (kind) {
    case 'folder':
      return [node, join(path, 'dist', 'main.js')];
    case 'bundle':
      return [node, path];
    case 'executable':
      return [path];
    case 'tgz': {
      const entries = readTar(gunzipSync(readFileSync(path)));
      writeEntries(scratch, entries);
      return [node, join(scratch, entries[0]?.path.split('/')[0] ?? '', 'dist', 'main.js')];
    }
    case 'image': {
      writeEntries(scratch, imageRoot(readFileSync(path)));
      const loader = join(scratch, 'lib64', 'ld-linux-x86-64.so.2');
      const libraries = join(scratch, 'lib', 'x86_64-linux-gnu');
      return [loader, '--library-path', libraries, join(scratch, 'usr', 'bin', 'openshell-gateway')];
    }
  }
}

function same(what: string, found: unknown, expected: unknown): string[] {
  return JSON.stringify(found) === JSON.stringify(expected)
    ? []
    : [`${what} is ${JSON.stringify(found)} and should be ${JSON.stringify(expected)}`];
}

/** Runs an artifact and compares its own report with the manifest; FAILED_PRECONDITION when they differ. */
export async function selfTest(
  options: RunnableOptions,
  manifest: Omit<Manifest, 'artifacts'>,
): Promise<void> {
  mkdirSync(options.scratch, { recursive: true });
  const [file, ...words] = runnable(options);
  const env = { PATH: process.env.PATH, HOME: options.scratch };
  async function run(...args: string[]): Promise<Record<string, unknown>> {
    return JSON.parse(
      await program(file, [...words, ...args], { cwd: options.scratch, env, timeoutMs: 60_000 }),
    );
  }

  const info = await run('--version', '--json');
  const { drivers } = (await run('drivers', '--json')) as { drivers: { name: string; state: string }[] };
  const present = drivers.filter(({ state }) => state !== 'absent').map(({ name }) => name);
  const problems = [
    ...same('version', info.version, manifest.version),
    ...same('flavor', info.flavor, manifest.flavor),
    ...same('drivers', info.drivers, manifest.drivers),
    ...same('parts', info.parts, manifest.parts),
    ...same('build', info.build, manifest.build),
    ...same('drivers --json', present.sort(), manifest.drivers),
  ];
  if (problems.length > 0) {
    throw failedPrecondition(
      `the ${options.kind} ${options.path} does not match the build: ${problems.join('; ')}`,
    );
  }
}
