import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import semver from 'semver';
import { packageName, readLock } from '../lock-file.js';

/** Checks that the lock file supports the oldest Node we promise and names no registry. */
export function lockProblems(root: string): string[] {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  const oldest = semver.minVersion(engines.node)?.version ?? '';
  const problems: string[] = [];
  for (const [place, entry] of readLock(root)) {
    if (entry.resolved !== undefined && /^[a-z+]+:\/\//.test(entry.resolved)) {
      problems.push(
        `package-lock.json: ${place} contains the URL of a registry; run npm with omit-lockfile-registry-resolved`,
      );
    }
    const range = entry.engines?.node;
    const needed = entry.dev !== true && entry.optional !== true && entry.devOptional !== true;
    if (needed && range !== undefined && !semver.satisfies(oldest, range)) {
      const name = `${packageName(place, entry)}@${entry.version}`;
      problems.push(`package-lock.json: ${name} needs Node ${range}, and we promise ${oldest}`);
    }
  }
  return problems;
}
