import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PartProject } from '../choose/projects.js';
import type { LockPackage } from '../lock-file.js';
import { byPath, readFolder } from './files.js';
import type { TarEntry } from './formats/tar.js';
import type { Program } from './programs.js';
import type { Toolchain } from './toolchain.js';

/** What npm writes to node_modules for itself, or links into the source tree. */
function isNpmsOwn(path: string): boolean {
  return /(^|\/)(\.bin|\.package-lock\.json)(\/|$)|^@openshell(\/|$)/.test(path);
}

/** node_modules without npm's own files; `from` and `to` are paths in tree and artifact. */
function installed({ tree }: Toolchain, from: string, to: string): TarEntry[] {
  const folder = join(tree, from);
  if (!existsSync(folder)) {
    return [];
  }
  return readFolder(folder, (path) => !isNpmsOwn(path)).map((entry) => ({
    ...entry,
    path: `${to}/${entry.path}`,
  }));
}

/** Installed packages by their path, according to npm's record of this tree. */
export function installedPackages({ tree }: Toolchain): ReadonlyMap<string, LockPackage> {
  const text = readFileSync(join(tree, 'node_modules', '.package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, LockPackage> };
  return new Map(
    Object.entries(packages).filter(
      ([place, entry]) =>
        entry.link !== true && place.includes('node_modules/') && existsSync(join(tree, place)),
    ),
  );
}

interface RootManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: string;
  readonly imports: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Must be distributed with the code. */
const LICENSE = 'LICENSE';

export interface FolderOptions {
  readonly parts: readonly PartProject[];
  readonly programs: readonly Program[];
  /** Compiled files, from the tree's root. */
  readonly files: readonly string[];
  /** The range of Node releases it runs on. */
  readonly engines: string;
  /** Whether to include optional dependencies. */
  readonly optional: boolean;
}

/** package.json of the folder: npm can install its archive without a network, because its dependencies are bundled. */
function manifest({ tree }: Toolchain, options: FolderOptions): string {
  function read(path: string) {
    return JSON.parse(readFileSync(join(tree, path), 'utf8')) as RootManifest;
  }

  const { name, version, description, license, type, imports, ...root } = read('package.json');
  const manifests = [root, ...options.parts.map(({ folder }) => read(`${folder}/package.json`))];
  const dependencies: Record<string, string> = Object.assign(
    {},
    ...manifests.map((each) => each.dependencies),
    ...manifests.map((each) => (options.optional ? each.optionalDependencies : undefined)),
  );
  const sorted = Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
  const bin = Object.fromEntries(options.programs.map((program) => [program.name, program.file]));
  const engines = { node: options.engines };
  const fields = { name, version, description, license, type, engines, bin, imports, dependencies: sorted };
  return `${JSON.stringify({ ...fields, bundleDependencies: Object.keys(sorted) }, null, 2)}\n`;
}

/** The entries of a folder that runs with `node dist/main.js`: reachable code and its packages, nothing else. */
export function folderEntries(toolchain: Toolchain, options: FolderOptions): TarEntry[] {
  const programFiles = options.programs.map(({ file }) => file);
  const code = options.files.map(
    (path): TarEntry => ({
      type: 'file',
      path,
      mode: programFiles.includes(path) ? 0o755 : 0o644,
      bytes: readFileSync(join(toolchain.tree, path)),
    }),
  );
  return [
    { type: 'file', path: 'package.json', bytes: Buffer.from(manifest(toolchain, options)) } as TarEntry,
    { type: 'file', path: LICENSE, bytes: readFileSync(join(toolchain.tree, LICENSE)) } as TarEntry,
    ...code,
    ...installed(toolchain, 'node_modules', 'node_modules'),
    ...options.parts.flatMap(({ folder }) =>
      installed(toolchain, `${folder}/node_modules`, `${folder.replace(/^src/, 'dist')}/node_modules`),
    ),
  ].sort(byPath);
}
