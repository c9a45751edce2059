import { readFileSync, realpathSync } from 'node:fs';
import { type Ceilings, ceilingSettings, checkCeilings } from '../../compute/ceilings.js';
import { failedPrecondition, invalidArgument } from '../../compute/errors.js';
import { parseCpuNanos, parseMemoryBytes } from '../../compute/quantity.js';
import type { GpuRequirements, SandboxResources } from '../../compute/sandbox.js';

/** What one sandbox gets and may ask for: keys of both engines. */
export const limitSettings = {
  default_cpu_limit: {
    type: 'string',
    default: '2',
    doc: 'CPU of a sandbox that asks for none, at most what the host has; empty: max_cpu_limit.',
  },
  default_memory_limit: {
    type: 'string',
    default: '4Gi',
    doc: 'Memory of a sandbox that asks for none, at most what the host has; empty: max_memory_limit.',
  },
  max_cpu_limit: {
    ...ceilingSettings.max_cpu_limit,
    doc: "Most CPU that one sandbox may ask for, e.g. 8 or 500m; empty: the host's.",
  },
  max_memory_limit: {
    ...ceilingSettings.max_memory_limit,
    doc: "Most memory that one sandbox may ask for, e.g. 16Gi; empty: the host's.",
  },
  max_gpus: ceilingSettings.max_gpus,
  default_disk_limit: {
    type: 'string',
    default: '',
    doc: "Most that a sandbox may write to its image's root, e.g. 20Gi; needs a storage driver with quotas. Empty: no limit.",
  },
  max_open_files: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 1_048_576,
    doc: "Most files that a process of a sandbox may have open; not above the engine's own limit. 0: the engine's.",
  },
} as const;

interface LimitSettings {
  readonly default_cpu_limit: string;
  readonly default_memory_limit: string;
  readonly max_cpu_limit: string;
  readonly max_memory_limit: string;
  readonly max_gpus: number;
  readonly default_disk_limit: string;
}

const FIELD = 'spec.template.resources';
/** Docker refuses less. */
const MIN_CPU_NANOS = 10_000_000;
/** With less a container cannot even start. */
const MIN_MEMORY_BYTES = 6 * 1024 * 1024;

/** A sandbox's limits, undefined for none. Requests mean nothing to an engine of containers: INVALID_ARGUMENT. */
export function containerLimits(
  title: string,
  resources: SandboxResources,
): { readonly cpuNanos: number | undefined; readonly memoryBytes: number | undefined } {
  const { cpuRequest, memoryRequest, cpuLimit, memoryLimit } = resources;
  for (const [key, value] of Object.entries({ cpu: cpuRequest, memory: memoryRequest })) {
    if (value === '') {
      continue;
    }
    const field = `${FIELD}.requests.${key}`;
    throw invalidArgument(`${field}: ${title} has no requests, only limits`, {
      field,
      hint: 'set limits instead',
    });
  }
  return {
    cpuNanos: limitOf('cpu', cpuLimit, parseCpuNanos, MIN_CPU_NANOS, '10m'),
    memoryBytes: limitOf('memory', memoryLimit, parseMemoryBytes, MIN_MEMORY_BYTES, '6Mi'),
  };
}

function limitOf(
  key: string,
  quantity: string,
  parse: (text: string, field: string) => number,
  min: number,
  minText: string,
): number | undefined {
  if (quantity === '') {
    return undefined;
  }
  const field = `${FIELD}.limits.${key}`;
  const limit = parse(quantity, field);
  if (limit >= min) {
    return limit;
  }
  throw invalidArgument(`${field}: '${quantity}' is too little to run in`, {
    field,
    hint: `ask for at least ${minText}`,
  });
}

/** Named devices are the GPUs asked for, not more beside them: INVALID_ARGUMENT when the count differs. */
export function checkGpuCount(
  driver: string,
  gpu: GpuRequirements | undefined,
  cdiDevices: readonly string[],
): void {
  if (cdiDevices.length === 0 || gpu?.count === undefined || gpu.count === cdiDevices.length) {
    return;
  }
  throw invalidArgument(
    `${gpu.count} GPUs were asked for, but driver_config names ${cdiDevices.length} devices`,
    { field: `driver_config.${driver}.cdi_devices`, hint: 'leave one of the two out' },
  );
}

/** How large the engine's host is; undefined: the engine does not say. */
export interface HostSize {
  readonly cpus: number | undefined;
  readonly memoryBytes: number | undefined;
}

/** The operator's defaults and ceilings, none above the host's size. INVALID_ARGUMENT names a key of `table`. */
export function engineCeilings(settings: LimitSettings, host: HostSize, table: string): Ceilings {
  const ceilings: Ceilings = {
    defaultCpu: settings.default_cpu_limit,
    defaultMemory: settings.default_memory_limit,
    maxCpu: settings.max_cpu_limit,
    maxMemory: settings.max_memory_limit,
    maxGpus: settings.max_gpus,
  };
  checkCeilings(ceilings, table);
  const maxCpu = least(ceilings.maxCpu, host.cpus, parseCpuNanos);
  const maxMemory = least(ceilings.maxMemory, host.memoryBytes, parseMemoryBytes);
  return {
    ...ceilings,
    maxCpu,
    maxMemory,
    defaultCpu: ceilings.defaultCpu && least(ceilings.defaultCpu, host.cpus, parseCpuNanos),
    defaultMemory:
      ceilings.defaultMemory && least(ceilings.defaultMemory, host.memoryBytes, parseMemoryBytes),
  };
}

function least(quantity: string, host: number | undefined, parse: (text: string) => number): string {
  if (!host) {
    return quantity;
  }
  return quantity === '' || parse(quantity) > parse(`${host}`) ? `${host}` : quantity;
}

/** The storage of an engine, as far as quotas depend on it. */
export interface EngineStorage {
  /** E.g. overlay2 or overlay. */
  readonly driver: string;
  /** The file system below it, e.g. xfs. */
  readonly backing: string;
  /** Its folder on the engine's host. */
  readonly folder: string;
}

/** Whether a limit on the root of one container takes effect. */
export function canLimitDisk({ driver, backing, folder }: EngineStorage): boolean {
  return (
    ['btrfs', 'zfs'].includes(driver) ||
    (['overlay', 'overlay2'].includes(driver) && backing === 'xfs' && hasProjectQuota(folder) !== false)
  );
}

/** The limit in bytes, undefined for none. FAILED_PRECONDITION where it would have no effect. */
export function diskLimit(quantity: string, storage: EngineStorage, table: string): number | undefined {
  if (quantity === '') {
    return undefined;
  }
  const field = `${table}.default_disk_limit`;
  const bytes = parseMemoryBytes(quantity, field);
  if (canLimitDisk(storage)) {
    return bytes;
  }
  throw failedPrecondition(
    `${field}: a limit on disk would have no effect on the storage driver ${storage.driver} over ${storage.backing || 'its file system'}`,
    {
      reason: 'LimitNotEnforceable',
      field,
      hint: 'leave it out, or keep the engine on xfs mounted with pquota, on btrfs or on zfs',
    },
  );
}

/** Undefined when the folder cannot be seen from here. */
function hasProjectQuota(folder: string): boolean | undefined {
  try {
    const path = realpathSync(folder);
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
    const under = mounts
      .map((line) => line.split(' '))
      .filter(([, , , , at = '']) => path === at || path.startsWith(at === '/' ? '/' : `${at}/`))
      .sort((a, b) => (b[4]?.length ?? 0) - (a[4]?.length ?? 0))[0];
    return under === undefined ? undefined : /\b(prjquota|pquota)\b/.test(under.at(-1) ?? '');
  } catch {
    return undefined;
  }
}
