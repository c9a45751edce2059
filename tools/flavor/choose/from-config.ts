import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { KNOWN_STORES, wordOf } from '../../../dist/compute/known-parts.js';
import { parseCommandLine } from '../../../dist/config/command-line.js';
import { homePaths } from '../../../dist/config/home.js';
import { loadConfig } from '../../../dist/config/load.js';
import { knownProjects } from './projects.js';

/** What a configuration needs of a build. */
export interface Needs {
  readonly drivers: readonly string[];
  /** Parts that are no driver. */
  readonly parts: readonly string[];
  /** One line for each part: why it is needed, or why not although it is mentioned. */
  readonly reasons: readonly string[];
}

const TELEMETRY = { kind: 'telemetry', name: 'telemetry' };

/** Whether a gateway without a configured driver may choose this one, as its entry says. */
function isAutoDetected(root: string, name: string): boolean {
  return /^\s*autoDetect: true,$/m.test(readFileSync(join(root, 'src', 'drivers', name, 'entry.ts'), 'utf8'));
}

/**
 * The smallest choice that can run a configuration file, alone: no flags, no environment.
 *
 * @throws OpenShellError INVALID_ARGUMENT when the file is not valid; FAILED_PRECONDITION when no driver is needed
 */
export async function needsOf(root: string, file: string): Promise<Needs> {
  const { flags } = parseCommandLine(['--config', file]);
  const { config } = await loadConfig({
    flags,
    env: {},
    drivers: [],
    stores: [],
    home: homePaths({}, '/nonexistent'),
  });
  const reasons: string[] = [];
  const drivers: string[] = [];
  if (config.computeDrivers.length === 0) {
    for (const { name } of knownProjects(root)) {
      if (!isAutoDetected(root, name)) {
        continue;
      }
      drivers.push(name);
      reasons.push(`${name}: compute_drivers is empty, and auto-detection may choose it`);
    }
  }
  for (const name of config.computeDrivers) {
    const socket = config.drivers.get(name)?.socketPath;
    if (socket === undefined) {
      drivers.push(name);
    }
    reasons.push(
      socket === undefined
        ? `${name}: compute_drivers names it`
        : `${name}: not needed, it runs in a process of its own at ${socket}`,
    );
  }
  for (const name of config.drivers.keys()) {
    if (drivers.includes(name) || config.computeDrivers.includes(name)) {
      continue;
    }
    reasons.push(`${name}: not needed, it has a table and compute_drivers does not name it`);
  }
  const { enabled, endpoint } = config.telemetry;
  const telemetry = enabled && endpoint !== undefined;
  const store = KNOWN_STORES.find(({ schemes }) => schemes.includes(config.database.scheme));
  const parts = [...(store === undefined ? [] : [store]), ...(telemetry ? [TELEMETRY] : [])].map(wordOf);
  if (store !== undefined) {
    reasons.push(`${wordOf(store)}: the database is ${config.database.scheme}:...`);
  }
  reasons.push(
    `telemetry: ${telemetry ? `it is to be sent to ${endpoint}` : 'not needed, nothing is to be sent'}`,
  );
  if (drivers.length === 0) {
    throw failedPrecondition('every driver of this configuration runs in a process of its own', {
      hint: 'any flavor can run it; take the one whose driver you may want in the gateway later',
    });
  }
  return { drivers, parts, reasons };
}
