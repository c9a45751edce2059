import type { DeviceRequest, HostConfig } from 'dockerode';
import type { GpuRequirements, SandboxResources } from '../../compute/sandbox.js';
import { checkGpuCount, containerLimits } from '../container/limits.js';

export function resourceLimits(
  resources: SandboxResources,
): Pick<HostConfig, 'NanoCpus' | 'Memory' | 'MemorySwap'> {
  const { cpuNanos, memoryBytes } = containerLimits('Docker', resources);
  return {
    ...(cpuNanos !== undefined && { NanoCpus: cpuNanos }),
    // Swap counts into the same sum, or it would be a way around the limit.
    ...(memoryBytes !== undefined && { Memory: memoryBytes, MemorySwap: memoryBytes }),
  };
}

/** A GPU by count (one when none is given), or the CDI devices that the driver's own configuration names. */
export function deviceRequests(
  gpu: GpuRequirements | undefined,
  cdiDevices: readonly string[],
): DeviceRequest[] {
  checkGpuCount('docker', gpu, cdiDevices);
  if (cdiDevices.length > 0) {
    return [{ Driver: 'cdi', DeviceIDs: [...cdiDevices] }];
  }
  return gpu === undefined ? [] : [{ Count: gpu.count ?? 1, Capabilities: [['gpu']] }];
}
