import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { KNOWN_DRIVERS } from '../../../dist/compute/known-drivers.js';
import { driverProjects } from '../choose/driver-projects.js';
import { closure, type LockPackage } from '../lock-file.js';

/** What tells that a part is in an artifact. */
export interface Evidence {
  /** A driver's name, or `telemetry`. */
  readonly part: string;
  /** Strings of its code that no other part holds. */
  readonly strings: readonly string[];
  /** Places of packages that only it needs, among the parts that may be in the artifact. */
  readonly packages: readonly string[];
}

export const TELEMETRY = 'telemetry';
const MARKER = /^\s*marker: '([^']+)',$/m;

/** The marker in a project's entry, from its source; undefined when there is none. */
export const markerOf = (root: string, folder: string): string | undefined => {
  const path = join(root, folder, 'entry.ts');
  return existsSync(path) ? MARKER.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
};

const requireMarker = (root: string, folder: string): string => {
  const marker = markerOf(root, folder);
  if (marker === undefined) throw failedPrecondition(`${folder}/entry.ts has no marker to look for`);
  return marker;
};

/** The drivers that can be searched for: those of the table whose source is here, and any other in src/drivers. */
export const searchable = (root: string): string[] => {
  const order = KNOWN_DRIVERS.map(({ name }) => name);
  const names = driverProjects(root).map(({ name }) => name);
  return [...order.filter((name) => names.includes(name)), ...names.filter((name) => !order.includes(name))];
};

/**
 * The evidence for one driver.
 *
 * @param others drivers whose packages do not count, because they may be there for them
 */
export const driverEvidence = (
  root: string,
  lock: ReadonlyMap<string, LockPackage>,
  name: string,
  others: readonly string[],
): Evidence => {
  const project = driverProjects(root).find((candidate) => candidate.name === name);
  const folder = (driver: string): string => `src/drivers/${driver}`;
  const shared = closure(lock, ['', ...others.filter((other) => other !== name).map(folder)], {
    optional: true,
  });
  return {
    part: name,
    strings: [requireMarker(root, folder(name)), ...(project?.evidence ?? [])],
    packages: [...closure(lock, [folder(name)])].filter((place) => !shared.has(place)).sort(),
  };
};

export const telemetryEvidence = (root: string): Evidence => ({
  part: TELEMETRY,
  strings: [requireMarker(root, 'src/telemetry')],
  packages: [],
});
