import { failedPrecondition, invalidArgument } from '../../compute/errors.js';
import { parseCpuNanos, parseMemoryBytes } from '../../compute/quantity.js';
import type { SandboxResources } from '../../compute/sandbox.js';
import type { ContainerSpec } from './api/types.js';
import { limitsReason, type PodmanHost } from './host.js';

const CPU_PERIOD_US = 100_000;
const MIN_CPU_QUOTA_US = 1_000;
/** Below it a container cannot even start. */
const MIN_MEMORY_BYTES = 6 * 1024 * 1024;
const FIELD = 'spec.template.resources';

interface LimitRules {
  /** Refuse a limit that has no effect here, or drop it. */
  readonly mode: 'strict' | 'best-effort';
  /** 0: none. */
  readonly pids: number;
}

/**
 * The sandbox's limits in Podman's words; only those that the host enforces. FAILED_PRECONDITION when the sandbox asks
 * for one that has no effect here and the mode is strict. The operator's own limits are applied where they can be.
 */
export function resourceLimits(
  { asked, given }: { readonly asked: SandboxResources; readonly given: SandboxResources },
  host: PodmanHost,
  rules: LimitRules,
): NonNullable<ContainerSpec['resource_limits']> {
  for (const [key, value] of [
    ['requests.cpu', asked.cpuRequest],
    ['requests.memory', asked.memoryRequest],
  ] as const) {
    if (value === '') {
      continue;
    }
    throw invalidArgument(`${FIELD}.${key}: Podman has no requests, only limits`, {
      field: `${FIELD}.${key}`,
      hint: 'give limits instead',
    });
  }
  const quota = cpuQuota(given.cpuLimit);
  const memory = memoryLimit(given.memoryLimit);
  if (rules.mode === 'strict') {
    if (asked.cpuLimit !== '' && !host.limits.cpu) {
      throw unenforceable('cpu', host);
    }
    if (asked.memoryLimit !== '' && !host.limits.memory) {
      throw unenforceable('memory', host);
    }
  }
  return {
    ...(quota !== undefined && host.limits.cpu && { cpu: { quota, period: CPU_PERIOD_US } }),
    // Swap counts into the same sum, or it would be a way around the limit.
    ...(memory !== undefined && host.limits.memory && { memory: { limit: memory, swap: memory } }),
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

function cpuQuota(limit: string): number | undefined {
  if (limit === '') {
    return undefined;
  }
  const nanos = parseCpuNanos(limit, `${FIELD}.limits.cpu`);
  const quota = Math.ceil((nanos / 1e9) * CPU_PERIOD_US);
  if (quota >= MIN_CPU_QUOTA_US) {
    return quota;
  }
  throw tooSmall('cpu', limit, '10m');
}

function memoryLimit(limit: string): number | undefined {
  if (limit === '') {
    return undefined;
  }
  const bytes = parseMemoryBytes(limit, `${FIELD}.limits.memory`);
  if (bytes >= MIN_MEMORY_BYTES) {
    return bytes;
  }
  throw tooSmall('memory', limit, '6Mi');
}

function tooSmall(what: string, limit: string, least: string) {
  return invalidArgument(`${FIELD}.limits.${what}: '${limit}' is too little to run in`, {
    field: `${FIELD}.limits.${what}`,
    hint: `ask for at least ${least}`,
  });
}

function unenforceable(what: string, host: PodmanHost) {
  return failedPrecondition(`a limit on ${what} would have no effect: ${limitsReason(host)}`, {
    reason: 'LimitNotEnforceable',
    field: `${FIELD}.limits.${what}`,
    hint: 'leave the limit out, or let the operator set limits = "best-effort" in [openshell.drivers.podman]',
  });
}
