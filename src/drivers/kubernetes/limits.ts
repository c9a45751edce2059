import { type Ceilings, checkCeilings, tooHigh, withinCeilings } from '../../compute/ceilings.js';
import { invalidArgument } from '../../compute/errors.js';
import { parseCpuNanos, parseMemoryBytes } from '../../compute/quantity.js';
import type { DriverSandbox, JsonObject } from '../../compute/sandbox.js';
import { requireAllowed } from './allowed.js';
import type { KubernetesSettings } from './settings.js';
import { mapOf, objectOf, text } from './shape.js';

/** What a container may use at most, and what is set aside for it. */
export interface Resources {
  readonly limits: Readonly<Record<string, string>>;
  readonly requests: Readonly<Record<string, string>>;
}

const GPU = 'nvidia.com/gpu';
const DISK = 'ephemeral-storage';
const FIELD = 'spec.template.resources';
const TABLE = 'openshell.drivers.kubernetes';

const rawShape = objectOf({ limits: mapOf(text), requests: mapOf(text) });

/** `raw` is what the template's resources say beside CPU and memory. */
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
  function put(key: string, { request, limit }: Amounts) {
    if (request !== '') {
      requests[key] = request;
    }
    if (limit !== '') {
      limits[key] = limit;
    }
  }

  put(
    'cpu',
    amounts(
      'cpu',
      { request: asked.cpuRequest, limit: asked.cpuLimit },
      { request: settings.default_cpu_request, limit: settings.default_cpu_limit || settings.max_cpu_limit },
      parseCpuNanos,
    ),
  );
  put(
    'memory',
    amounts(
      'memory',
      { request: asked.memoryRequest, limit: asked.memoryLimit },
      {
        request: settings.default_memory_request,
        limit: settings.default_memory_limit || settings.max_memory_limit,
      },
      parseMemoryBytes,
    ),
  );
  put(
    DISK,
    amounts(
      DISK,
      { request: more.requests?.[DISK] ?? '', limit: more.limits?.[DISK] ?? '' },
      // Without a request Kubernetes sets all of the limit aside.
      { request: '0', limit: defaultDisk(settings) },
      parseMemoryBytes,
    ),
  );
  if (gpus !== undefined) {
    limits[GPU] = String(gpus);
  }
  return { limits, requests };
}

/** An emptyDir is never larger than what the sandbox may write, or for one in memory, hold. */
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

/** The size of a workspace that a sandbox asks for; 0 asks for no volume. */
export function storageWithin(size: string, field: string, settings: KubernetesSettings): string {
  return parseMemoryBytes(size, field) === 0 ? size : within(size, settings.max_storage_size, field);
}

/** The operator's own values, when the driver starts: INVALID_ARGUMENT names the key. */
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
        hint: 'raise the one or lower the other',
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

function defaultDisk(settings: KubernetesSettings): string {
  return settings.default_disk_limit || settings.max_disk_limit;
}

function checkRaw(raw: ReturnType<typeof rawShape>, settings: KubernetesSettings): void {
  for (const kind of ['limits', 'requests'] as const) {
    for (const [name, amount] of Object.entries(raw[kind] ?? {})) {
      const field = `${FIELD}.${kind}.${name}`;
      if (name === DISK) {
        within(amount, settings.max_disk_limit, field, kind === 'requests');
      } else if (name === 'cpu' || name === 'memory') {
        throw invalidArgument(`${field}: must not stand in resources_raw`, { field });
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

/** The amount of bytes as it stands. Kubernetes takes a limit of 0 for none. */
function within(amount: string, most: string, field: string, mayBeZero = false): string {
  const asked = parseMemoryBytes(amount, field);
  if (asked === 0 && !mayBeZero) {
    throw invalidArgument(`${field}: 0 is no limit`, { field });
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
 * What was asked for wins, and a default limit that would contradict it gives way. A limit without a request is left to
 * Kubernetes, which sets all of it aside.
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
    throw invalidArgument(
      `${FIELD}: the ${name} request ${asked.request} is above the limit ${asked.limit}`,
      {
        field: `${FIELD}.requests.${name}`,
      },
    );
  }
  if (asked.limit !== '') {
    number(asked.limit, 'limits');
    return asked;
  }
  const both = { request: asked.request || defaults.request, limit: defaults.limit };
  return contradict(both) ? { ...both, limit: both.request } : both;
}
