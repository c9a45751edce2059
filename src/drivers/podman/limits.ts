import { failedPrecondition } from '../../compute/errors.js';
import type { GpuRequirements, SandboxResources } from '../../compute/sandbox.js';
import { checkGpuCount, containerLimits } from '../container/limits.js';
import type { ContainerSpec } from './api/types.js';
import { limitsReason, type PodmanHost } from './host.js';

const CPU_PERIOD_US = 100_000;
/** The class of devices that a plain request for a GPU means. */
const GPU_CLASS = 'nvidia.com/gpu';

interface LimitRules {
  /** Refuse a limit that has no effect here, or drop it. */
  readonly mode: 'strict' | 'best-effort';
  /** 0: none. */
  readonly pids: number;
}

/**
 * The sandbox's limits as Podman's API takes them; only those that the host enforces. FAILED_PRECONDITION when the sandbox asks
 * for one that has no effect here and the mode is strict. The operator's own limits are applied where they can be.
 */
export function resourceLimits(
  { asked, given }: { readonly asked: SandboxResources; readonly given: SandboxResources },
  host: PodmanHost,
  rules: LimitRules,
): NonNullable<ContainerSpec['resource_limits']> {
  const { cpuNanos, memoryBytes } = containerLimits('Podman', given);
  if (rules.mode === 'strict') {
    if (asked.cpuLimit !== '' && !host.limits.cpu) {
      throw unenforceable('cpu', host);
    }
    if (asked.memoryLimit !== '' && !host.limits.memory) {
      throw unenforceable('memory', host);
    }
  }
  return {
    ...(cpuNanos !== undefined &&
      host.limits.cpu && {
        cpu: { quota: Math.ceil((cpuNanos / 1e9) * CPU_PERIOD_US), period: CPU_PERIOD_US },
      }),
    // Swap counts into the same sum, or it would be a way around the limit.
    ...(memoryBytes !== undefined &&
      host.limits.memory && { memory: { limit: memoryBytes, swap: memoryBytes } }),
    ...(rules.pids > 0 && host.limits.pids && { pids: { limit: rules.pids } }),
  };
}

/**
 * No core files, and the operator's limit on open files. Podman raises what is not named, above what a rootful engine
 * may have: without a limit to set, such an engine's own stay.
 */
export function processLimits(openFiles: number, host: PodmanHost): Pick<ContainerSpec, 'r_limits'> {
  if (openFiles === 0 && !host.rootless) {
    return {};
  }
  const files = openFiles === 0 ? [] : [{ type: 'nofile', hard: openFiles, soft: openFiles }];
  return { r_limits: [{ type: 'core', hard: 0, soft: 0 }, ...files] };
}

/** The CDI names to ask Podman for: the named devices, or as many GPUs as asked for (all without a count). */
export function gpuDevices(gpu: GpuRequirements | undefined, named: readonly string[]): string[] {
  checkGpuCount('podman', gpu, named);
  if (gpu === undefined || named.length > 0) {
    return [...named];
  }
  return gpu.count === undefined
    ? [`${GPU_CLASS}=all`]
    : Array.from({ length: gpu.count }, (_, i) => `${GPU_CLASS}=${i}`);
}

function unenforceable(what: string, host: PodmanHost) {
  const field = `spec.template.resources.limits.${what}`;
  return failedPrecondition(`a limit on ${what} would have no effect: ${limitsReason(host)}`, {
    reason: 'LimitNotEnforceable',
    field,
    hint: 'leave the limit out, or let the operator set limits = "best-effort" in [openshell.drivers.podman]',
  });
}
