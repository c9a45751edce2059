import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { KNOWN_DRIVERS, KNOWN_PARTS, wordOf } from '../../../dist/compute/known-parts.js';

/** A part of any kind whose source is in this checkout, known or not. */
export interface PartProject {
  /** From its entry; empty when the entry has none. */
  readonly kind: string;
  readonly name: string;
  /** Its folder's name, unique among all parts: its name in commands and flavors. */
  readonly word: string;
  /** Where flavors import it from, e.g. `#drivers/docker`. */
  readonly specifier: string;
  /** Its folder, from the repository's root; also its npm workspace. */
  readonly folder: string;
  /** Every project of it, from the repository's root: its folder, then the programs it starts. */
  readonly projects: readonly string[];
  /** Its npm package's name, e.g. `@openshell/driver-docker`. */
  readonly packageName: string;
  /** Strings that occur only in its code, besides its marker. */
  readonly evidence: readonly string[];
}

/** Folders of parts, below src/. */
const ROOMS = ['drivers', 'parts'] as const;

interface PartPackage {
  readonly name: string;
  readonly openshell?: { readonly evidence?: readonly string[] };
}

function toPosix(path: string): string {
  return path.split(sep).join('/');
}

function projectsBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name === 'tsconfig.json')
    .map((entry) => toPosix(relative(root, entry.parentPath)))
    .filter((path) => !path.includes('node_modules'))
    .sort();
}

function projectsIn(root: string, room: (typeof ROOMS)[number]): PartProject[] {
  const parent = `src/${room}`;
  if (!existsSync(join(root, parent))) {
    return [];
  }
  return readdirSync(join(root, parent))
    .filter((word) => existsSync(join(root, parent, word, 'entry.ts')))
    .sort()
    .map((word) => {
      const folder = `${parent}/${word}`;
      function fieldOf(key: string): string | undefined {
        return new RegExp(`^\\s*${key}: '([^']+)',$`, 'm').exec(
          readFileSync(join(root, folder, 'entry.ts'), 'utf8'),
        )?.[1];
      }

      const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as PartPackage;
      return {
        kind: fieldOf('kind') ?? '',
        name: fieldOf('name') ?? word,
        word,
        specifier: `#${room}/${word}`,
        folder,
        projects: projectsBelow(root, folder),
        packageName: manifest.name,
        evidence: manifest.openshell?.evidence ?? [],
      };
    });
}

/** Every folder of src/drivers and src/parts that holds an `entry.ts`: the drivers by name, then the others by word. */
export function partProjects(root: string): PartProject[] {
  return ROOMS.flatMap((room) => projectsIn(root, room));
}

/** The drivers among them. */
export function driverProjects(root: string): PartProject[] {
  return projectsIn(root, 'drivers');
}

/** Known drivers whose source is in this checkout, in the order of auto-detection. */
export function knownProjects(root: string): PartProject[] {
  const present = driverProjects(root);
  return KNOWN_DRIVERS.flatMap(({ name }) => present.find((project) => project.name === name) ?? []);
}

/** Those of the words, in the order of `partProjects`. */
export function chosenProjects(root: string, words: readonly string[]): PartProject[] {
  return partProjects(root).filter(({ word }) => words.includes(word));
}

/** The parts other than drivers that a flavor has by default. */
export function usualParts(available: readonly PartProject[]): string[] {
  return KNOWN_PARTS.filter(({ usual }) => usual)
    .map(wordOf)
    .filter((word) => available.some((project) => project.word === word));
}
