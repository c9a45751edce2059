import { availableParallelism, totalmem } from 'node:os';
import { withinCeilings } from '../../../../compute/ceilings.js';
import { failedPrecondition, invalidArgument, type OpenShellError } from '../../../../compute/errors.js';
import { parseCpuNanos, parseMemoryBytes } from '../../../../compute/quantity.js';
import type { DriverSandbox } from '../../../../compute/sandbox.js';
import type { VmSettings } from '../../settings.js';

const MIB = 1024 * 1024;
const CPU_PERIOD_US = 100_000;
/** Memory for the guest's kernel and agent. */
const KERNEL_MIB = 96;
const MIN_MIB = 160;
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** A sandbox's machine, and the limits set inside it. */
export interface Plan {
  readonly vcpus: number;
  readonly memoryMib: number;
  /** In the form of cgroup v2; undefined: the machine's size is the limit. */
  readonly memoryMax: string | undefined;
  readonly cpuMax: string | undefined;
}

/** Sizes the machine. INVALID_ARGUMENT and FAILED_PRECONDITION for specs that this driver cannot honour. */
export function planMachine(sandbox: DriverSandbox, settings: VmSettings): Plan {
  const { spec } = sandbox;
  const { resources, platformConfig, driverConfig } = spec.template;
  if (!ID.test(sandbox.id)) {
    throw invalidArgument(`'${sandbox.id}' is not a valid sandbox id`, { field: 'id' });
  }
  refuseKeys(driverConfig, 'driver_config');
  refuseKeys(platformConfig, 'platform_config');
  if (spec.gpu !== undefined) {
    throw failedPrecondition('the vm driver does not support GPUs', { field: 'spec.resources.gpu' });
  }
  for (const [field, value] of [
    ['cpu', resources.cpuRequest],
    ['memory', resources.memoryRequest],
  ]) {
    if (value !== '') {
      throw failedPrecondition(`a virtual machine has no ${field} request separate from its limit`, {
        field: `spec.template.resources.requests.${field}`,
        hint: `ask for a ${field} limit`,
      });
    }
  }
  withinCeilings(resources, undefined, {
    // Without a limit the machine's size applies, which `checkSizes` has checked.
    ...{ defaultCpu: '', defaultMemory: '', maxGpus: 0 },
    maxCpu: settings.max_cpu_limit || `${Math.max(availableParallelism(), settings.vcpus)}`,
    maxMemory: settings.max_memory_limit || `${Math.max(totalmem(), settings.mem_mib * MIB)}`,
  });
  const nanos = resources.cpuLimit === '' ? 0 : parseCpuNanos(resources.cpuLimit, 'limits.cpu');
  const bytes = resources.memoryLimit === '' ? 0 : parseMemoryBytes(resources.memoryLimit, 'limits.memory');
  return {
    vcpus: nanos === 0 ? settings.vcpus : Math.ceil(nanos / 1e9),
    memoryMib: bytes === 0 ? settings.mem_mib : Math.max(MIN_MIB, Math.ceil(bytes / MIB) + KERNEL_MIB),
    memoryMax: bytes === 0 ? undefined : String(bytes),
    cpuMax:
      nanos === 0
        ? undefined
        : `${Math.max(1_000, Math.round((nanos / 1e9) * CPU_PERIOD_US))} ${CPU_PERIOD_US}`,
  };
}

const TABLE = 'openshell.drivers.vm';

/** Checks the operator's sizes when the driver starts. INVALID_ARGUMENT names the key. */
export function checkSizes(settings: VmSettings): void {
  const { vcpus, mem_mib, overlay_disk_mib } = settings;
  const checks = [
    ['vcpus', vcpus, 'max_cpu_limit', (text: string, field: string) => parseCpuNanos(text, field) / 1e9],
    ['mem_mib', mem_mib, 'max_memory_limit', mibOf],
    ['overlay_disk_mib', overlay_disk_mib, 'max_disk_limit', mibOf],
  ] as const;
  for (const [key, value, ceiling, parse] of checks) {
    const most = settings[ceiling];
    if (most === '' || value <= parse(most, `${TABLE}.${ceiling}`)) {
      continue;
    }
    throw invalidArgument(`${TABLE}.${key}: ${value} is more than ${ceiling}, '${most}'`, {
      field: `${TABLE}.${key}`,
      hint: 'raise one or lower the other',
    });
  }
}

function mibOf(text: string, field: string): number {
  return parseMemoryBytes(text, field) / MIB;
}

/** Why an image's disk cannot be used for a sandbox; undefined when it can. */
export function diskTooLarge(bytes: number, { max_disk_limit }: VmSettings): OpenShellError | undefined {
  return max_disk_limit === '' || bytes <= parseMemoryBytes(max_disk_limit, `${TABLE}.max_disk_limit`)
    ? undefined
    : failedPrecondition(
        `the image needs a disk of ${Math.ceil(bytes / MIB)} MiB, and this gateway's operator allows ${max_disk_limit}`,
        { reason: 'LimitTooHigh', field: 'spec.template.image', hint: 'use a smaller image' },
      );
}

function refuseKeys(config: object, what: string): void {
  const [key] = Object.keys(config);
  if (key !== undefined) {
    throw invalidArgument(`the vm driver has no key '${key}' in ${what}`, {
      field: `spec.template.${what}.${key}`,
    });
  }
}
