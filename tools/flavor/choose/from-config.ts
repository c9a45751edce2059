import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { KNOWN_STORES, wordOf } from '../../../dist/compute/known-parts.js';
import { parseCommandLine } from '../../../dist/config/command-line.js';
import { homePaths } from '../../../dist/config/home.js';
import { loadConfig } from '../../../dist/config/load.js';
import { knownProjects } from './projects.js';

/** The parts that a configuration needs. */
export interface Needs {
  readonly drivers: readonly string[];
  /** Parts other than drivers. */
  readonly parts: readonly string[];
  /** One line per part: why it is needed, or why not even though it is mentioned. */
  readonly reasons: readonly string[];
}

const TELEMETRY = { kind: 'telemetry', name: 'telemetry' };

/** Whether a gateway without a configured driver may choose this one, according to its entry. */
function isAutoDetected(root: string, name: string): boolean {
  return /^\s*autoDetect: true,$/m.test(readFileSync(join(root, 'src', 'drivers', name, 'entry.ts'), 'utf8'));
}

/**
 * The smallest choice that can run a configuration file, without flags or environment.
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
        : `${name}: not needed, it runs in its own process at ${socket}`,
    );
  }
  for (const name of config.drivers.keys()) {
    if (drivers.includes(name) || config.computeDrivers.includes(name)) {
      continue;
    }
    reasons.push(`${name}: not needed, it has a table but compute_drivers does not name it`);
  }
  const { enabled, endpoint } = config.telemetry;
  const telemetry = enabled && endpoint !== undefined;
  const store = KNOWN_STORES.find(({ schemes }) => schemes.includes(config.database.scheme));
  const parts = [...(store === undefined ? [] : [store]), ...(telemetry ? [TELEMETRY] : [])].map(wordOf);
  if (store !== undefined) {
    reasons.push(`${wordOf(store)}: the database is ${config.database.scheme}:...`);
  }
  reasons.push(`telemetry: ${telemetry ? `it is sent to ${endpoint}` : 'not needed, nothing is sent'}`);
  if (drivers.length === 0) {
    throw failedPrecondition('every driver of this configuration runs in its own process', {
      hint: 'any flavor can run it; choose the one whose driver you may want in the gateway later',
    });
  }
  return { drivers, parts, reasons };
}
