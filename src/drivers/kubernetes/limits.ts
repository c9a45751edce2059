import { type Ceilings, checkCeilings, tooHigh, withinCeilings } from '../../compute/ceilings.js';
import { invalidArgument } from '../../compute/errors.js';
import { parseCpuNanos, parseMemoryBytes } from '../../compute/quantity.js';
import type { DriverSandbox, JsonObject } from '../../compute/sandbox.js';
import { requireAllowed } from './allowed.js';
import type { KubernetesSettings } from './settings.js';
import { mapOf, objectOf, text } from './shape.js';

/** A container's limits, and what the scheduler reserves for it. */
export interface Resources {
  readonly limits: Readonly<Record<string, string>>;
  readonly requests: Readonly<Record<string, string>>;
}

const GPU = 'nvidia.com/gpu';
const DISK = 'ephemeral-storage';
const FIELD = 'spec.template.resources';
const TABLE = 'openshell.drivers.kubernetes';

const rawShape = objectOf({ limits: mapOf(text), requests: mapOf(text) });

/** `raw` holds the template's resources other than CPU and memory. */
export function resourcesOf(
  { spec }: DriverSandbox,
  raw: JsonObject | undefined,
  settings: KubernetesSettings,
): Resources {
  const asked = spec.template.resources;
  const more = raw === undefined ? {} : rawShape(raw, FIELD);
  checkRaw(more, settings);
  const gpus = spec.gpu?.count ?? (spec.gpu === undefined ? more.limits?.[GPU] : 1);
  withinCeilings(asked, gpus === undefined ? undefined : { count: wholeGpus(gpus) }, ceilingsOf(settings));

  const limits: Record<string, string> = { ...more.limits };
  const requests: Record<string, string> = { ...more.requests };
  function set(...args: Parameters<typeof amounts>) {
    const [key] = args;
    const { request, limit } = amounts(...args);
    if (request !== '') {
      requests[key] = request;
    }
    if (limit !== '') {
      limits[key] = limit;
    }
  }

  set(
    'cpu',
    { request: asked.cpuRequest, limit: asked.cpuLimit },
    { request: settings.default_cpu_request, limit: settings.default_cpu_limit || settings.max_cpu_limit },
    parseCpuNanos,
  );
  set(
    'memory',
    { request: asked.memoryRequest, limit: asked.memoryLimit },
    {
      request: settings.default_memory_request,
      limit: settings.default_memory_limit || settings.max_memory_limit,
    },
    parseMemoryBytes,
  );
  set(
    DISK,
    { request: more.requests?.[DISK] ?? '', limit: more.limits?.[DISK] ?? '' },
    // Without a request Kubernetes reserves the whole limit.
    { request: '0', limit: settings.default_disk_limit || settings.max_disk_limit },
    parseMemoryBytes,
  );
  if (gpus !== undefined) {
    limits[GPU] = String(gpus);
  }
  return { limits, requests };
}

/** An emptyDir is no larger than the sandbox's disk limit or, with medium Memory, its memory limit. */
export function emptyDirOf(
  asked: { readonly medium?: string; readonly size_limit?: string },
  field: string,
  { limits }: Resources,
  settings: KubernetesSettings,
): JsonObject {
  const inMemory = asked.medium === 'Memory';
  const most = inMemory ? settings.max_memory_limit : settings.max_disk_limit;
  const fallback = (inMemory ? limits.memory : limits[DISK]) ?? most;
  const size =
    asked.size_limit === undefined ? fallback : within(asked.size_limit, most, `${field}.size_limit`);
  return { ...(asked.medium && { medium: asked.medium }), ...(size !== '' && { sizeLimit: size }) };
}

/** The workspace size that a sandbox asks for; 0: no volume. */
export function storageWithin(size: string, field: string, settings: KubernetesSettings): string {
  return parseMemoryBytes(size, field) === 0 ? size : within(size, settings.max_storage_size, field);
}

/** Checks the operator's values when the driver starts. INVALID_ARGUMENT names the key. */
export function checkLimits(settings: KubernetesSettings): void {
  checkCeilings(ceilingsOf(settings), TABLE);
  for (const [key, most] of [
    ['default_disk_limit', 'max_disk_limit'],
    ['workspace_default_storage_size', 'max_storage_size'],
  ] as const) {
    const limit = parseMemoryBytes(settings[key] || '0', `${TABLE}.${key}`);
    if (settings[most] !== '' && limit > parseMemoryBytes(settings[most], `${TABLE}.${most}`)) {
      throw invalidArgument(`${TABLE}.${key}: '${settings[key]}' is more than ${most}, '${settings[most]}'`, {
        field: `${TABLE}.${key}`,
        hint: 'raise one or lower the other',
      });
    }
  }
}

function ceilingsOf(settings: KubernetesSettings): Ceilings {
  return {
    defaultCpu: settings.default_cpu_limit,
    defaultMemory: settings.default_memory_limit,
    maxCpu: settings.max_cpu_limit,
    maxMemory: settings.max_memory_limit,
    maxGpus: settings.max_gpus,
  };
}

function checkRaw(raw: ReturnType<typeof rawShape>, settings: KubernetesSettings): void {
  for (const kind of ['limits', 'requests'] as const) {
    for (const [name, amount] of Object.entries(raw[kind] ?? {})) {
      const field = `${FIELD}.${kind}.${name}`;
      if (name === DISK) {
        within(amount, settings.max_disk_limit, field, kind === 'requests');
      } else if (name === 'cpu' || name === 'memory') {
        throw invalidArgument(`${field}: is not allowed in resources_raw`, { field });
      } else if (name === GPU && kind === 'limits') {
        wholeGpus(amount);
      } else if (name !== GPU) {
        requireAllowed(name, 'allowed_resources', field, settings);
      }
    }
  }
}

function wholeGpus(count: string | number): number {
  if (/^\d{1,4}$/.test(`${count}`)) {
    return Number(count);
  }
  const field = `${FIELD}.limits.${GPU}`;
  throw invalidArgument(`${field}: must be a whole number of GPUs`, { field });
}

/** Returns the amount unchanged. Kubernetes reads a limit of 0 as none. */
function within(amount: string, most: string, field: string, mayBeZero = false): string {
  const asked = parseMemoryBytes(amount, field);
  if (asked === 0 && !mayBeZero) {
    throw invalidArgument(`${field}: must be above 0`, { field });
  }
  if (most !== '' && asked > parseMemoryBytes(most)) {
    throw tooHigh(field, amount, most);
  }
  return amount;
}

interface Amounts {
  readonly request: string;
  readonly limit: string;
}

/**
 * Requested values win: a default limit below a requested amount is raised to it. For a limit without a request,
 * Kubernetes reserves the whole limit.
 */
function amounts(
  name: string,
  asked: Amounts,
  defaults: Amounts,
  parse: (text: string, field: string) => number,
): Amounts {
  function number(text: string, kind: string) {
    return parse(text, `${FIELD}.${kind}.${name}`);
  }

  function contradict({ request, limit }: Amounts) {
    return request !== '' && limit !== '' && number(request, 'requests') > number(limit, 'limits');
  }

  if (contradict(asked)) {
    const message = `${FIELD}: the ${name} request ${asked.request} is above the limit ${asked.limit}`;
    throw invalidArgument(message, { field: `${FIELD}.requests.${name}` });
  }
  if (asked.limit !== '') {
    number(asked.limit, 'limits');
    return asked;
  }
  const both = { request: asked.request || defaults.request, limit: defaults.limit };
  return contradict(both) ? { ...both, limit: both.request } : both;
}
