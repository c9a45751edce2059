import type { DeviceRequest, HostConfig } from 'dockerode';
import { invalidArgument } from '../../compute/errors.js';
import { parseCpuNanos, parseMemoryBytes } from '../../compute/quantity.js';
import type { GpuRequirements, SandboxResources } from '../../compute/sandbox.js';

/** What the engine itself asks for at least. */
const MIN_CPU_NANOS = 10_000_000;
const MIN_MEMORY_BYTES = 6 * 1024 * 1024;
const FIELD = 'spec.template.resources';

/** CPU and memory limits. Requests have no meaning to Docker: INVALID_ARGUMENT. */
export function resourceLimits(
  resources: SandboxResources,
): Pick<HostConfig, 'NanoCpus' | 'Memory' | 'MemorySwap'> {
  for (const [key, value] of [
    ['requests.cpu', resources.cpuRequest],
    ['requests.memory', resources.memoryRequest],
  ] as const) {
    if (value === '') {
      continue;
    }
    throw invalidArgument(`${FIELD}.${key}: Docker has no requests, only limits`, {
      field: `${FIELD}.${key}`,
      hint: 'give limits instead',
    });
  }
  const cpu = resources.cpuLimit;
  const memory = resources.memoryLimit;
  const nanos = cpu === '' ? undefined : parseCpuNanos(cpu, `${FIELD}.limits.cpu`);
  const bytes = memory === '' ? undefined : parseMemoryBytes(memory, `${FIELD}.limits.memory`);
  if (nanos !== undefined && nanos < MIN_CPU_NANOS) {
    throw tooSmall('cpu', cpu, '10m');
  }
  if (bytes !== undefined && bytes < MIN_MEMORY_BYTES) {
    throw tooSmall('memory', memory, '6Mi');
  }
  return {
    ...(nanos !== undefined && { NanoCpus: nanos }),
    // Swap counts into the same sum, or it would be a way around the limit.
    ...(bytes !== undefined && { Memory: bytes, MemorySwap: bytes }),
  };
}

function tooSmall(what: string, limit: string, least: string) {
  return invalidArgument(`${FIELD}.limits.${what}: '${limit}' is too little to run in`, {
    field: `${FIELD}.limits.${what}`,
    hint: `ask for at least ${least}`,
  });
}

/** A GPU by count (one when none is given), or the CDI devices that the driver's own configuration names. */
export function deviceRequests(
  gpu: GpuRequirements | undefined,
  cdiDevices: readonly string[],
): DeviceRequest[] {
  if (cdiDevices.length > 0) {
    if (gpu?.count !== undefined && gpu.count !== cdiDevices.length) {
      throw invalidArgument(
        `${gpu.count} GPUs were asked for, but driver_config names ${cdiDevices.length} devices`,
        { field: 'driver_config.docker.cdi_devices', hint: 'leave one of the two out' },
      );
    }
    return [{ Driver: 'cdi', DeviceIDs: [...cdiDevices] }];
  }
  return gpu === undefined ? [] : [{ Count: gpu.count ?? 1, Capabilities: [['gpu']] }];
}
