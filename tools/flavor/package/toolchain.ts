import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { type FlavorSource, tsconfigPath } from '../choose/flavor-source.js';
import type { FlavorSpec } from '../choose/flavor-spec.js';
import type { PartProject } from '../choose/projects.js';
import { dispensable, readLock } from '../lock-file.js';
import { program } from '../program.js';
import { readFolder, sha256 } from './files.js';
import { type Release, SOURCES } from './release.js';

/**
 * An empty folder in which one flavor is installed and compiled. Type declarations of the checkout are linked in the
 * parent folder: tsc finds them, but they are not in the tree itself.
 */
export interface Toolchain {
  /** The source, node_modules of only the flavor's closure, and dist/. */
  readonly tree: string;
  /** SHA-256 over the source as it was copied. */
  readonly sources: string;
  /** For intermediate files. */
  readonly scratch: string;
  dispose(): void;
}

function isSource(path: string): boolean {
  return !/(^|\/)(node_modules|dist|src\/flavors)(\/|$)/.test(path);
}

export function openToolchain(root: string, source: FlavorSource, { commit }: Release): Toolchain {
  const folder = mkdtempSync(join(tmpdir(), 'openshell-flavor-'));
  const tree = join(folder, 'tree');
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch, { recursive: true });
  for (const path of SOURCES) {
    cpSync(join(root, path), join(tree, path), {
      recursive: true,
      filter: (from) => isSource(from.slice(root.length + 1)),
    });
  }
  for (const { path, text } of [source.tsconfig, source.manifest]) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  const sources = digest(tree);
  writeFileSync(join(tree, 'src', 'build.ts'), `export const BUILD: string = '${commit}';\n`);
  const borrowed = join(root, 'node_modules', '@types');
  if (!existsSync(borrowed)) {
    throw failedPrecondition('node_modules/@types does not exist', { hint: 'run npm ci first' });
  }
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(borrowed, join(folder, 'node_modules', '@types'));
  return { tree, sources, scratch, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

function digest(tree: string): string {
  const lines = readFolder(tree).flatMap((entry) => {
    if (entry.type === 'folder') {
      return [];
    }
    const content = entry.type === 'link' ? Buffer.from(entry.target) : entry.bytes;
    const kind = entry.type === 'file' && entry.mode === 0o755 ? 'program' : entry.type;
    return [JSON.stringify([entry.path, kind, sha256(content)])];
  });
  return sha256(Buffer.from(lines.join('\n')));
}

interface DevDependencies {
  devDependencies?: unknown;
}

/**
 * Removes devDependencies from every package.json and from the lock file's copies: npm installs a package that is one
 * project's dependency and another's devDependency despite --omit=dev.
 */
function dropDevDependencies(tree: string): void {
  function edit(path: string, change: (content: DevDependencies) => void): void {
    const file = join(tree, path);
    const content = JSON.parse(readFileSync(file, 'utf8')) as DevDependencies;
    change(content);
    writeFileSync(file, JSON.stringify(content, null, 2));
  }

  function drop(content: DevDependencies): void {
    delete content.devDependencies;
  }

  const { workspaces } = JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8')) as {
    workspaces: string[];
  };
  for (const folder of ['.', ...workspaces]) {
    edit(join(folder, 'package.json'), drop);
  }
  edit('package-lock.json', (lock) => {
    const { packages } = lock as { packages: Record<string, DevDependencies> };
    for (const folder of ['', ...workspaces]) {
      drop(packages[folder] ?? {});
    }
  });
}

/** Installs only the closure of the flavor's parts from the lock file, without scripts or packages it does not need. */
export async function install(
  { tree }: Toolchain,
  parts: readonly PartProject[],
  options: { readonly optional: boolean },
): Promise<void> {
  dropDevDependencies(tree);
  await program(
    'npm',
    [
      'ci',
      ...parts.flatMap(({ folder }) => ['-w', folder]),
      '--include-workspace-root',
      '--omit=dev',
      ...(options.optional ? [] : ['--omit=optional']),
      '--ignore-scripts',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
    ],
    { cwd: tree },
  );
  const roots = parts.map(({ folder }) => folder);
  for (const place of dispensable(readLock(tree), roots)) {
    rmSync(join(tree, place), { recursive: true, force: true });
  }
}

/** Compiles with the checkout's compiler. A compiler that panics still exits with 0. */
export async function compile(root: string, { tree }: Toolchain, spec: FlavorSpec): Promise<void> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const output = await program(
    process.execPath,
    [tsc, '-b', '--stopBuildOnErrors', join(tree, tsconfigPath(spec.name))],
    { cwd: tree },
  );
  if (/^panic:/m.test(output)) {
    throw failedPrecondition(`the compiler panicked:\n${output}`);
  }
}
