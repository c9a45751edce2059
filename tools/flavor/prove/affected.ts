import semver from 'semver';
import { flavorNames, readFlavor, specOf } from '../choose/flavor-files.js';
import { wordsOf } from '../choose/flavor-spec.js';
import { chosenProjects } from '../choose/projects.js';
import { closure, type LockPackage, packageName, readLock } from '../lock-file.js';
import { sha256 } from '../package/files.js';
import type { Release } from '../package/release.js';

/** How one flavor comes to contain a package. */
export interface Affected {
  readonly flavor: string;
  /** Empty when the flavor does not contain the package. */
  readonly versions: readonly string[];
  /** The parts that bring it, by their words, or `core`. */
  readonly through: readonly string[];
  /** Whether only artifacts built with `--node 20` contain it. */
  readonly onlyForNode20: boolean;
}

export interface PackageQuery {
  readonly name: string;
  /** A semver range; `*` for every version. */
  readonly range: string;
}

const CORE = 'core';

function matches(lock: ReadonlyMap<string, LockPackage>, place: string, query: PackageQuery): boolean {
  const entry = lock.get(place);
  if (entry === undefined || packageName(place, entry) !== query.name) {
    return false;
  }
  return (
    query.range === '*' || semver.satisfies(entry.version ?? '', query.range, { includePrerelease: true })
  );
}

/** For every flavor of the checkout: whether it contains a package, and through which parts. */
export function affectedFlavors(root: string, query: PackageQuery): Affected[] {
  const lock = readLock(root);
  // Packages that a part's packages do not need are in no artifact.
  function find(from: string, optional: { optional?: 'own' }): string[] {
    return [...closure(lock, [from], optional)].filter((place) => matches(lock, place, query));
  }

  return flavorNames(root).map((flavor) => {
    const words = wordsOf(specOf(readFlavor(root, flavor)));
    const chosen = chosenProjects(root, words).map(({ word, folder }) => ({ part: word, from: folder }));
    const found = [{ part: CORE, from: '' }, ...chosen].map(({ part, from }) => ({
      part,
      places: find(from, { optional: 'own' }),
      always: find(from, {}),
    }));
    const hit = found.filter(({ places }) => places.length > 0);
    const versions = new Set(
      hit.flatMap(({ places }) => places.map((place) => lock.get(place)?.version ?? '')),
    );
    return {
      flavor,
      versions: [...versions].sort(),
      through: hit.map(({ part }) => part),
      onlyForNode20: hit.length > 0 && hit.every(({ always }) => always.length === 0),
    };
  });
}

/** An OpenVEX 0.2 document that lists the flavors that a vulnerability does not affect: they lack the component. */
export function openVex(
  release: Release,
  vulnerability: string,
  query: PackageQuery,
  flavors: readonly Affected[],
): string {
  const free = flavors.filter(({ versions }) => versions.length === 0);
  const statements = [
    {
      vulnerability: { name: vulnerability },
      products: free.map(({ flavor }) => ({
        '@id': `pkg:generic/openshell-gateway-${flavor}@${release.version}`,
        subcomponents: [{ '@id': `pkg:npm/${query.name.replace(/^@/, '%40')}` }],
      })),
      status: 'not_affected',
      justification: 'component_not_present',
    },
  ];
  const digest = sha256(Buffer.from(JSON.stringify([release, statements])));
  const document = {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': `urn:openshell-gateway:vex:${digest}`,
    author: 'openshell-flavor',
    timestamp: new Date(release.epochSeconds * 1000).toISOString(),
    version: 1,
    statements: free.length === 0 ? [] : statements,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
