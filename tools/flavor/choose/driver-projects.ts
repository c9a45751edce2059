import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { KNOWN_DRIVERS } from '../../../dist/compute/known-drivers.js';

/** A driver whose source stands in this checkout, in the table of known drivers or not. */
export interface DriverProject {
  readonly name: string;
  /** Every project of the driver, from the repository's root: its folder, then the programs it starts. */
  readonly projects: readonly string[];
  /** Its npm workspace, e.g. `@openshell/driver-docker`. */
  readonly packageName: string;
  /** Strings that stand in this driver's code and in no other's, besides its marker. */
  readonly evidence: readonly string[];
}

const DRIVERS = join('src', 'drivers');

interface DriverPackage {
  readonly name: string;
  readonly openshell?: { readonly evidence?: readonly string[] };
}

const toPosix = (path: string): string => path.split(sep).join('/');

const projectsBelow = (root: string, folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name === 'tsconfig.json')
    .map((entry) => toPosix(relative(root, entry.parentPath)))
    .filter((path) => !path.includes('node_modules'))
    .sort();

/** Every folder of src/drivers that holds an `entry.ts`, by name. */
export const driverProjects = (root: string): DriverProject[] =>
  readdirSync(join(root, DRIVERS))
    .filter((name) => existsSync(join(root, DRIVERS, name, 'entry.ts')))
    .sort()
    .map((name) => {
      const folder = join(DRIVERS, name);
      const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as DriverPackage;
      return {
        name,
        projects: projectsBelow(root, folder),
        packageName: manifest.name,
        evidence: manifest.openshell?.evidence ?? [],
      };
    });

/** Drivers of the table whose source stands in this checkout, in the order of auto-detection. */
export const knownProjects = (root: string): DriverProject[] => {
  const present = driverProjects(root);
  return KNOWN_DRIVERS.flatMap(({ name }) => present.find((project) => project.name === name) ?? []);
};
