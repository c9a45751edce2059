import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { KNOWN_PARTS, wordOf } from '../../../dist/compute/known-parts.js';
import { partProjects } from '../choose/projects.js';
import { closure, type LockPackage } from '../lock-file.js';

/** Evidence that a part is in an artifact. */
export interface Evidence {
  /** Its word, e.g. `docker` or `store-sqlite`. */
  readonly part: string;
  /** Strings of its code that no other part contains. */
  readonly strings: readonly string[];
  /** Paths of packages that only it needs, among the parts that may be in the artifact. */
  readonly packages: readonly string[];
  /** Paths of packages that only it uses but does not need, so not every artifact of it contains them. */
  readonly dispensable: readonly string[];
}

const MARKER = /^\s*marker: '([^']+)',$/m;

/** The marker in a project's entry, from its source; undefined when there is none. */
export function markerOf(root: string, folder: string): string | undefined {
  const path = join(root, folder, 'entry.ts');
  return existsSync(path) ? MARKER.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
}

/** The parts that can be searched for, by their words: known ones whose source is here, then any other. */
export function searchable(root: string): string[] {
  const order = KNOWN_PARTS.map(wordOf);
  const words = partProjects(root).map(({ word }) => word);
  return [...order.filter((word) => words.includes(word)), ...words.filter((word) => !order.includes(word))];
}

/**
 * The evidence for one part.
 *
 * @param others parts whose packages do not count, because they may be the reason for them
 */
export function evidenceOf(
  root: string,
  lock: ReadonlyMap<string, LockPackage>,
  word: string,
  others: readonly string[],
): Evidence {
  const projects = partProjects(root);
  const project = projects.find((candidate) => candidate.word === word);
  if (project === undefined) {
    throw failedPrecondition(`there is no part '${word}' to look for`);
  }
  const { folder } = project;
  const marker = markerOf(root, folder);
  if (marker === undefined) {
    throw failedPrecondition(`${folder}/entry.ts has no marker to look for`);
  }
  const rest = projects.filter((other) => other.word !== word && others.includes(other.word));
  const shared = closure(lock, ['', ...rest.map((other) => other.folder)], { optional: 'all' });
  function own(optional?: 'own'): string[] {
    return [...closure(lock, [folder], optional === undefined ? {} : { optional })].filter(
      (place) => !shared.has(place),
    );
  }

  const packages = own().sort();
  return {
    part: word,
    strings: [marker, ...project.evidence],
    packages,
    dispensable: own('own')
      .filter((place) => !packages.includes(place))
      .sort(),
  };
}
