import { invalidArgument } from '../../compute/errors.js';
import type { Json, JsonObject } from '../../compute/sandbox.js';
import { cdiDevices } from '../container/cdi.js';
import { type Reader, readObject } from '../container/reader.js';
import { type Mount, parseMount } from './mounts.js';

/**
 * A value for the sandbox that goes through Podman's secret store. As a file it is visible only inside the sandbox; as a
 * variable it is shown by `podman inspect` while the sandbox runs.
 */
interface SecretConfig {
  readonly value: string;
  /** The variable that shows it, or undefined when it is a file. */
  readonly env: string | undefined;
  /** The file that shows it, or undefined when it is a variable. */
  readonly path: string | undefined;
}

/** `driver_config.podman` of one sandbox, checked. */
export interface PodmanConfig {
  readonly mounts: readonly Mount[];
  readonly secrets: readonly SecretConfig[];
  /** CDI names, e.g. `nvidia.com/gpu=0`. */
  readonly cdiDevices: readonly string[];
  /** Undefined: as the operator's `workspace_volume` says. */
  readonly workspaceVolume: boolean | undefined;
  readonly readOnlyRoot: boolean;
}

const KEYS = ['mounts', 'secrets', 'cdi_devices', 'workspace_volume', 'read_only_root'];
const SECRET_KEYS = ['value', 'env', 'path'];
const MAX_SECRETS = 32;
const MAX_SECRET_BYTES = 64 * 1024;

/** Reads `driver_config.podman`; INVALID_ARGUMENT names the key at fault. */
export function parseDriverConfig(config: JsonObject): PodmanConfig {
  const read = readObject(config, 'driver_config.podman', KEYS);
  return {
    mounts: read.list('mounts').map((value, i) => parseMount(value, `${read.field}.mounts[${i}]`)),
    secrets: secretsOf(read),
    cdiDevices: cdiDevices(read),
    workspaceVolume: read.boolean('workspace_volume'),
    readOnlyRoot: read.boolean('read_only_root') ?? false,
  };
}

function secretsOf(read: Reader): SecretConfig[] {
  const values = read.list('secrets');
  if (values.length > MAX_SECRETS) {
    throw invalidArgument(`${read.field}.secrets: at most ${MAX_SECRETS} secrets a sandbox`, {
      field: `${read.field}.secrets`,
    });
  }
  return values.map((value, i) => secretOf(value, `${read.field}.secrets[${i}]`));
}

function secretOf(value: Json, field: string): SecretConfig {
  const read = readObject(value, field, SECRET_KEYS);
  const secret = read.string('value');
  const env = read.string('env');
  const path = read.string('path');
  if (secret === undefined || secret === '' || Buffer.byteLength(secret) > MAX_SECRET_BYTES) {
    throw invalidArgument(`${field}.value: a secret has 1 byte to 64 KiB`, { field: `${field}.value` });
  }
  if ((env === undefined) === (path === undefined)) {
    throw invalidArgument(`${field}: set either env or path`, { field });
  }
  if (env !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(env)) {
    throw invalidArgument(`${field}.env: '${env}' is no name of a variable`, { field: `${field}.env` });
  }
  if (path !== undefined && !/^(\/[A-Za-z0-9._-]+)+$/.test(path)) {
    throw invalidArgument(`${field}.path: '${path}' is no absolute path`, { field: `${field}.path` });
  }
  return { value: secret, env, path };
}
