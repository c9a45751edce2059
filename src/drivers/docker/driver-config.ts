import { invalidArgument } from '../../compute/errors.js';
import type { Json, JsonObject } from '../../compute/sandbox.js';
import { readObject } from '../engine/reader.js';
import { type Mount, parseMount } from './mounts.js';

/** `driver_config.docker` of one sandbox, checked. */
export interface DockerConfig {
  readonly mounts: readonly Mount[];
  /** CDI names, e.g. `nvidia.com/gpu=0`. */
  readonly cdiDevices: readonly string[];
  /** Nothing but the workspace path, /tmp and the mounts can be written. */
  readonly readOnlyRoot: boolean;
}

const CDI_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*=[A-Za-z0-9][A-Za-z0-9._:-]*$/;

/** Reads `driver_config.docker`; INVALID_ARGUMENT names the key at fault. */
export const parseDriverConfig = (config: JsonObject): DockerConfig => {
  const read = readObject(config, 'driver_config.docker', ['mounts', 'cdi_devices', 'read_only_root']);
  return {
    mounts: read.list('mounts').map((value, i) => parseMount(value, `${read.field}.mounts[${i}]`)),
    cdiDevices: read.list('cdi_devices').map((name, i) => cdiName(name, `${read.field}.cdi_devices[${i}]`)),
    readOnlyRoot: read.boolean('read_only_root') ?? false,
  };
};

const cdiName = (name: Json, field: string): string => {
  if (typeof name === 'string' && CDI_NAME.test(name)) return name;
  throw invalidArgument(`${field}: ${JSON.stringify(name)} is no CDI device`, {
    field,
    hint: 'write it as vendor/class=name, e.g. nvidia.com/gpu=0',
  });
};
