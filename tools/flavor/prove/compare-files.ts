import { lstatSync, readdirSync, readFileSync, type Stats } from 'node:fs';
import { basename, join } from 'node:path';
import type { ArtifactKind } from '../package/artifacts.js';
import { foldersAbove, sha256 } from '../package/files.js';
import { type ManifestFile, modeText } from '../package/manifest.js';

export interface Compared {
  /** One line for each difference; empty when the artifact is exactly what is listed. */
  readonly problems: readonly string[];
  /** The bytes that were compared, by path: further checks of the artifact use these. */
  readonly read: ReadonlyMap<string, Buffer>;
}

interface Found {
  readonly path: string;
  readonly stats: Stats;
}

const PERMISSIONS = 0o7777;
const FOLDER_MODE = 0o755;

function typeOf(stats: Stats): string {
  if (stats.isFile()) {
    return 'a file';
  }
  if (stats.isDirectory()) {
    return 'a folder';
  }
  if (stats.isSymbolicLink()) {
    return 'a link';
  }
  return 'not a regular file';
}

/** Everything below a folder; links are not followed. */
function walk(root: string): Found[] {
  const found: Found[] = [];
  function visit(parent: string): void {
    for (const name of readdirSync(join(root, parent))) {
      const path = parent === '' ? name : `${parent}/${name}`;
      const stats = lstatSync(join(root, path));
      found.push({ path, stats });
      if (stats.isDirectory()) {
        visit(path);
      }
    }
  }

  visit('');
  return found;
}

function wrongMode(path: string, stats: Stats, expected: string): string[] {
  const mode = modeText(stats.mode & PERMISSIONS);
  return mode === expected ? [] : [`${path} has mode ${mode} instead of ${expected}`];
}

/**
 * Compares an artifact on disk with the list of its files: each path, type, mode, size and SHA-256. What is not listed
 * is neither opened nor followed.
 */
export function compareFiles(
  artifact: string,
  kind: ArtifactKind,
  listed: readonly ManifestFile[],
): Compared {
  const isFolder = kind === 'folder';
  const own = lstatSync(artifact);
  if (own.isDirectory() !== isFolder || !(own.isFile() || own.isDirectory())) {
    return { problems: [`${basename(artifact)} is ${typeOf(own)}`], read: new Map() };
  }
  const found = isFolder ? walk(artifact) : [{ path: basename(artifact), stats: own }];
  const expected = new Map(listed.map((file) => [file.path, file]));
  const folders = new Set(listed.flatMap(({ path }) => foldersAbove(path)));
  const read = new Map<string, Buffer>();
  function compare({ path, stats }: Found): string[] {
    const file = expected.get(path);
    if (file === undefined) {
      const needed = stats.isDirectory() && folders.has(path);
      return needed
        ? wrongMode(path, stats, modeText(FOLDER_MODE))
        : [`${path} is ${typeOf(stats)} that is not listed`];
    }
    if (!stats.isFile()) {
      return [`${path} is ${typeOf(stats)} instead of a file`];
    }
    const problems = wrongMode(path, stats, file.mode);
    if (stats.size !== file.size) {
      return [...problems, `${path} has ${stats.size} bytes instead of ${file.size}`];
    }
    const bytes = readFileSync(isFolder ? join(artifact, path) : artifact);
    read.set(path, bytes);
    const digest = sha256(bytes);
    return digest === file.sha256
      ? problems
      : [...problems, `${path} has SHA-256 ${digest} instead of ${file.sha256}`];
  }

  const present = new Set(found.map(({ path }) => path));
  const problems = [
    ...(isFolder ? wrongMode('the folder itself', own, modeText(FOLDER_MODE)) : []),
    ...found.flatMap(compare),
    ...listed.filter(({ path }) => !present.has(path)).map(({ path }) => `${path} is missing`),
  ];
  return { problems, read };
}
