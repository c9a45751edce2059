import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument } from '../../../dist/compute/errors.js';
import { readFlavor, specOf } from '../choose/flavor-files.js';
import { wordsOf } from '../choose/flavor-spec.js';
import { chosenProjects } from '../choose/projects.js';
import type { Command } from '../command.js';
import { closure, type LockPackage, packageName, readLock } from '../lock-file.js';
import { readFolder } from '../package/files.js';

/** Size of an installed package without nested packages; undefined when it is not installed here. */
function bytesOf(root: string, place: string): number | undefined {
  const folder = join(root, place);
  if (!existsSync(folder)) {
    return undefined;
  }
  return readFolder(folder, (path) => path !== 'node_modules')
    .map((entry) => (entry.type === 'file' ? entry.bytes.length : 0))
    .reduce((sum, bytes) => sum + bytes, 0);
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`;
}

/** What is in `a` but not in `b`. */
function without<T>(a: Iterable<T>, b: ReadonlySet<T>): T[] {
  return [...a].filter((value) => !b.has(value));
}

interface Side {
  readonly name: string;
  readonly parts: ReadonlySet<string>;
  readonly packages: ReadonlySet<string>;
}

function readSide(root: string, lock: ReadonlyMap<string, LockPackage>, name: string): Side {
  const words = wordsOf(specOf(readFlavor(root, name)));
  return {
    name,
    parts: new Set(words),
    packages: closure(lock, ['', ...chosenProjects(root, words).map(({ folder }) => folder)]),
  };
}

export const diff: Command = {
  name: 'diff',
  usage: 'FLAVOR FLAVOR [--json]',
  doc: 'Compare two flavors: parts, packages, bytes installed.',
  flags: ['json'],
  async run({ root, positionals, flag, print }) {
    if (positionals.length !== 2) {
      throw invalidArgument('name two flavors', { hint: 'e.g. diff default docker' });
    }
    const [first = '', second = ''] = positionals;
    const lock = readLock(root);
    const a = readSide(root, lock, first);
    const b = readSide(root, lock, second);
    function side(one: Side, other: Side) {
      const places = without(one.packages, other.packages).sort();
      const packages = places.map((place) => {
        const entry = lock.get(place);
        return {
          name: packageName(place, entry ?? {}),
          version: entry?.version ?? '',
          bytes: bytesOf(root, place),
        };
      });
      return {
        flavor: one.name,
        only: without(one.parts, other.parts),
        packages,
        bytes: packages.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
        unmeasured: packages.filter(({ bytes }) => bytes === undefined).length,
      };
    }

    const sides = [side(a, b), side(b, a)];
    if (flag('json')) {
      print(JSON.stringify({ sides }, null, 2));
      return 0;
    }
    for (const { flavor, only, packages, bytes, unmeasured } of sides) {
      print(`only in ${flavor}: ${only.length === 0 ? 'no part' : only.join(', ')}`);
      print(
        `  ${packages.length} packages, ${kilobytes(bytes)}${unmeasured > 0 ? `, ${unmeasured} not installed here` : ''}`,
      );
      for (const { name, version } of packages) {
        print(`  ${name}@${version}`);
      }
    }
    return 0;
  },
};
