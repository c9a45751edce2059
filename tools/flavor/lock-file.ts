import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface LockPackage {
  readonly name?: string;
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The packages of package-lock.json by their path, e.g. `node_modules/a/node_modules/b`. */
export function readLock(root: string): ReadonlyMap<string, LockPackage> {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockPackage>;
  };
  return new Map(Object.entries(packages));
}

/** The package's name from its path, unless it is an alias. */
export function packageName(place: string, entry: LockPackage): string {
  return entry.name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** Where a package at `from` finds `name`, as Node resolves it. */
function lookUp(lock: ReadonlyMap<string, LockPackage>, from: string, name: string): string | undefined {
  for (let folder = from; ; ) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (lock.has(place)) {
      return place;
    }
    if (folder === '') {
      return undefined;
    }
    const parent = folder.lastIndexOf('/node_modules/');
    folder = parent === -1 ? '' : folder.slice(0, parent);
  }
}

/**
 * The paths of all packages that the projects at `roots` need at run time; '' is the repository itself.
 *
 * @param options.optional which optional dependencies to include: all, or those of the roots themselves. Default: none
 */
export function closure(
  lock: ReadonlyMap<string, LockPackage>,
  roots: readonly string[],
  options: { readonly optional?: 'all' | 'own' } = {},
): Set<string> {
  const found = new Set<string>();
  function visit(from: string): void {
    const entry = lock.get(from);
    const optional = entry?.optionalDependencies ?? {};
    const counts = options.optional === 'all' || (options.optional === 'own' && roots.includes(from));
    for (const name of Object.keys({ ...entry?.dependencies, ...optional })) {
      if (name in optional && !counts) {
        continue;
      }
      const place = lookUp(lock, from, name);
      if (place === undefined || found.has(place) || lock.get(place)?.link === true) {
        continue;
      }
      found.add(place);
      visit(place);
    }
  }

  for (const root of roots) {
    visit(root);
  }
  return found;
}

/**
 * The paths of packages that a part's packages use if present but do not need, e.g. the CPU probe of an SSH client,
 * compiled at install time. No artifact ships them; optional dependencies of the parts themselves are deliberate and
 * not included.
 */
export function dispensable(lock: ReadonlyMap<string, LockPackage>, parts: readonly string[]): string[] {
  const roots = ['', ...parts];
  const needed = closure(lock, roots, { optional: 'own' });
  return [...closure(lock, roots, { optional: 'all' })].filter((place) => !needed.has(place));
}
