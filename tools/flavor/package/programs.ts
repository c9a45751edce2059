import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DriverProject } from '../choose/driver-projects.js';

/** One program of a build. */
export interface Program {
  /** As a command, e.g. `openshell-driver-vm`. */
  readonly name: string;
  /** As the first argument of the single file that holds all programs, e.g. `driver-vm`; '' for the gateway. */
  readonly word: string;
  /** Its compiled file, from the repository's root. */
  readonly file: string;
}

const GATEWAY = 'openshell-gateway';
const PREFIX = 'openshell-';

const wordOf = (name: string): string => {
  if (name === GATEWAY) return '';
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : 'cli';
};

/** The gateway, its command line, and what the flavor's drivers bring, by package.json's `bin`. */
export const programs = (root: string, drivers: readonly DriverProject[]): Program[] => {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
  };
  const own = Object.entries({ ...bin, ...Object.assign({}, ...drivers.map((driver) => driver.programs)) });
  return own.map(([name, file]) => ({ name, word: wordOf(name), file: String(file).replace(/^\.\//, '') }));
};
