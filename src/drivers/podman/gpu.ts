import { invalidArgument } from '../../compute/errors.js';
import type { GpuRequirements } from '../../compute/sandbox.js';

/** The class of devices that a plain request for a GPU means. */
const GPU_CLASS = 'nvidia.com/gpu';

/** The CDI names to ask Podman for. Named devices stand beside a count, not under it: one of the two is enough. */
export function gpuDevices(gpu: GpuRequirements | undefined, named: readonly string[]): string[] {
  if (gpu === undefined) {
    return [...named];
  }
  if (named.length > 0) {
    if (gpu.count === undefined || gpu.count === named.length) {
      return [...named];
    }
    throw invalidArgument(
      `${gpu.count} GPUs were asked for, but driver_config names ${named.length} devices`,
      { field: 'driver_config.podman.cdi_devices', hint: 'leave one of the two out' },
    );
  }
  if (gpu.count === undefined) {
    return [`${GPU_CLASS}=all`];
  }
  return Array.from({ length: gpu.count }, (_, i) => `${GPU_CLASS}=${i}`);
}
