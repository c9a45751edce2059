import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** One program of a build. */
export interface Program {
  /** As a command, e.g. `openshell-driver-vm`. */
  readonly name: string;
  /** As the first argument of the single file with all programs, e.g. `driver-vm`; '' for the gateway. */
  readonly word: string;
  /** Path of its compiled file from the repository's root. */
  readonly file: string;
}

const GATEWAY = 'openshell-gateway';
const PREFIX = 'openshell-';

function wordOf(name: string): string {
  if (name === GATEWAY) {
    return '';
  }
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : 'cli';
}

function driverOf(file: string): string | undefined {
  return /^dist\/drivers\/([^/]+)\//.exec(file)?.[1];
}

/**
 * The gateway, its command line, and the programs of the flavor's drivers: those in package.json's `bin`, and `main.ts`
 * of other drivers.
 */
export function programs(tree: string, drivers: readonly string[]): Program[] {
  const { bin } = JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
  };
  const named = Object.entries(bin)
    .map(([name, file]) => ({ name, word: wordOf(name), file: posix.normalize(file) }))
    .filter(({ file }) => {
      const driver = driverOf(file);
      return driver === undefined || drivers.includes(driver);
    });
  const unnamed = drivers
    .filter((driver) => !named.some(({ file }) => driverOf(file) === driver))
    .filter((driver) => existsSync(join(tree, 'src', 'drivers', driver, 'main.ts')))
    .map((driver) => {
      const name = `${PREFIX}driver-${driver}`;
      return { name, word: wordOf(name), file: `dist/drivers/${driver}/main.js` };
    });
  return [...named, ...unnamed];
}
