import type { JsonObject } from '../../compute/sandbox.js';
import { cdiDevices } from '../container/cdi.js';
import { readObject } from '../container/reader.js';
import { type Mount, parseMount } from './mounts.js';

/** `driver_config.docker` of one sandbox, checked. */
export interface DockerConfig {
  readonly mounts: readonly Mount[];
  /** CDI names, e.g. `nvidia.com/gpu=0`. */
  readonly cdiDevices: readonly string[];
  /** Nothing but the workspace path, /tmp and the mounts can be written. */
  readonly readOnlyRoot: boolean;
}

/** Reads `driver_config.docker`; INVALID_ARGUMENT names the key at fault. */
export function parseDriverConfig(config: JsonObject): DockerConfig {
  const read = readObject(config, 'driver_config.docker', ['mounts', 'cdi_devices', 'read_only_root']);
  return {
    mounts: read.list('mounts').map((value, i) => parseMount(value, `${read.field}.mounts[${i}]`)),
    cdiDevices: cdiDevices(read),
    readOnlyRoot: read.boolean('read_only_root') ?? false,
  };
}
