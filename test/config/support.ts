import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import type { DriverEntry } from '../../dist/compute/entry.js';
import { OpenShellError } from '../../dist/compute/errors.js';
import { parseCommandLine } from '../../dist/config/command-line.js';
import { type LoadedConfig, loadConfig } from '../../dist/config/load.js';
import type { Environment } from '../../dist/config/values.js';
import sqlite from '../../dist/parts/store-sqlite/entry.js';
import type { StoreEntry } from '../../dist/store/entry.js';
import { tempFolder } from '../support/folder.js';

/** A driver of the build whose table has a setting of every kind. */
export const engineDriver: DriverEntry = {
  name: 'docker',
  kind: 'driver',
  marker: 'test-driver',
  autoDetect: true,
  settings: {
    engine_socket: { type: 'string', doc: 'Where the engine listens.' },
    default_image: { type: 'string', doc: 'The image.' },
    pids_limit: { type: 'integer', default: 2048, min: 0, max: 4096, unit: 'processes', doc: 'Processes.' },
    allow_binds: { type: 'boolean', default: false, doc: 'Bind mounts.' },
    pull: {
      type: 'string',
      values: ['always', 'missing', 'never'],
      default: 'missing',
      doc: 'When to pull.',
    },
    registries: { type: 'strings', default: [], doc: 'Allowed registries.' },
    token: { type: 'string', secret: true, pattern: /^[a-z]+$/, doc: 'A password.' },
    proxy: {
      type: 'table',
      doc: 'The proxy.',
      keys: {
        url: { type: 'string', doc: 'Its URL.' },
        retries: { type: 'integer', default: 3, doc: 'Tries.' },
      },
    },
  },
  probe: async () => ({ state: 'unavailable', reason: 'a test has no engine' }),
  load: async () => {
    throw new Error('a test loads no driver');
  },
};

export interface Situation {
  readonly argv?: readonly string[];
  readonly env?: Environment;
  /** Texts of files in the configuration folder, by name; null: a folder stands there. */
  readonly files?: Readonly<Record<string, string | Uint8Array | null>>;
  readonly drivers?: readonly DriverEntry[];
  /** Default: SQLite. */
  readonly stores?: readonly StoreEntry[];
}

/** A folder for this test file; `load` makes one in it for each call. */
export function createHome() {
  const { path: root, remove } = tempFolder();
  after(remove);
  let count = 0;
  const configDir = (): string => join(root, String(count));

  const load = async (situation: Situation): Promise<LoadedConfig> => {
    count++;
    mkdirSync(configDir());
    for (const [name, text] of Object.entries(situation.files ?? {})) {
      if (text === null) {
        mkdirSync(join(configDir(), name));
      } else {
        writeFileSync(join(configDir(), name), text);
      }
    }
    return await loadConfig({
      flags: parseCommandLine(situation.argv ?? []).flags,
      env: situation.env ?? {},
      drivers: situation.drivers ?? [engineDriver],
      stores: situation.stores ?? [sqlite],
      home: { configDir: configDir(), stateDir: '/state/openshell' },
    });
  };

  /** The problems of a situation, one a line, with the folder written as `~`. */
  const problems = async (situation: Situation): Promise<readonly string[]> => {
    try {
      await load(situation);
      return [];
    } catch (error) {
      if (!(error instanceof OpenShellError)) {
        throw error;
      }
      const [first = '', ...rest] = error.text.replaceAll(configDir(), '~').split('\n');
      return rest.length === 0 ? [first] : rest.map((line) => line.trim());
    }
  };

  /** The problems of one TOML file. */
  const tomlProblems = (text: string): Promise<readonly string[]> =>
    problems({ files: { 'gateway.toml': text } });
  /** The problems of one INI file. */
  const iniProblems = (text: string): Promise<readonly string[]> =>
    problems({ files: { 'gateway.ini': text } });

  return { load, problems, tomlProblems, iniProblems };
}
