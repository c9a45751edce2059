import { invalidArgument, type OpenShellError } from './errors.js';
import { parseCpuNanos, parseMemoryBytes } from './quantity.js';
import type { GpuRequirements, SandboxResources } from './sandbox.js';

/** The most that one sandbox may request: the keys that every driver has beside `default_*`. */
export const ceilingSettings = {
  max_cpu_limit: {
    type: 'string',
    default: '',
    doc: 'Maximum CPU of one sandbox, e.g. 8 or 500m.',
  },
  max_memory_limit: {
    type: 'string',
    default: '',
    doc: 'Maximum memory of one sandbox, e.g. 16Gi.',
  },
  max_gpus: {
    type: 'integer',
    default: 8,
    min: 0,
    max: 1024,
    doc: 'Maximum number of GPUs of one sandbox; 0 allows none.',
  },
} as const;

/** Quantities; empty: none. */
export interface Ceilings {
  readonly defaultCpu: string;
  readonly defaultMemory: string;
  readonly maxCpu: string;
  readonly maxMemory: string;
  readonly maxGpus: number;
}

const FIELD = 'spec.template.resources';

/**
 * The resources with the operator's defaults in place of limits that were not requested; without a default the ceiling
 * itself is the limit. INVALID_ARGUMENT `LimitTooHigh` when a limit, a request or the GPUs are above their ceiling, and
 * INVALID_ARGUMENT for a limit of 0.
 */
export function withinCeilings(
  resources: SandboxResources,
  gpu: GpuRequirements | undefined,
  ceilings: Ceilings,
): SandboxResources {
  const { maxCpu, maxMemory, maxGpus } = ceilings;
  for (const [part, asked, most, parse] of [
    ['limits.cpu', resources.cpuLimit, maxCpu, parseCpuNanos],
    ['requests.cpu', resources.cpuRequest, maxCpu, parseCpuNanos],
    ['limits.memory', resources.memoryLimit, maxMemory, parseMemoryBytes],
    ['requests.memory', resources.memoryRequest, maxMemory, parseMemoryBytes],
  ] as const) {
    const field = `${FIELD}.${part}`;
    if (asked === '') {
      continue;
    }
    const amount = parse(asked, field);
    // Engines treat 0 as unlimited.
    if (amount === 0 && part.startsWith('limits')) {
      throw invalidArgument(`${field}: 0 is no limit`, { field });
    }
    if (most !== '' && amount > parse(most)) {
      throw tooHigh(field, asked, most);
    }
  }
  const gpus = gpu === undefined ? 0 : (gpu.count ?? 1);
  if (gpus > maxGpus) {
    throw tooHigh('spec.resource_requirements.gpu', `${gpus}`, `${maxGpus}`);
  }
  return {
    ...resources,
    cpuLimit: resources.cpuLimit || ceilings.defaultCpu || maxCpu,
    memoryLimit: resources.memoryLimit || ceilings.defaultMemory || maxMemory,
  };
}

export function tooHigh(field: string, asked: string, most: string): OpenShellError {
  return invalidArgument(`${field}: '${asked}' is more than this gateway's operator allows`, {
    reason: 'LimitTooHigh',
    field,
    hint: `ask for at most ${most}`,
  });
}

/** Checks the operator's own values when the driver starts; INVALID_ARGUMENT names the key and its table. */
export function checkCeilings(ceilings: Ceilings, table: string): void {
  for (const [key, fallback, most, parse] of [
    ['cpu', ceilings.defaultCpu, ceilings.maxCpu, parseCpuNanos],
    ['memory', ceilings.defaultMemory, ceilings.maxMemory, parseMemoryBytes],
  ] as const) {
    const byDefault = fallback === '' ? 0 : parse(fallback, `${table}.default_${key}_limit`);
    const ceiling = most === '' ? Number.POSITIVE_INFINITY : parse(most, `${table}.max_${key}_limit`);
    if (byDefault <= ceiling) {
      continue;
    }
    throw invalidArgument(
      `${table}.default_${key}_limit: '${fallback}' is more than max_${key}_limit, '${most}'`,
      { field: `${table}.default_${key}_limit`, hint: 'raise the one or lower the other' },
    );
  }
}
