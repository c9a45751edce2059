import { canLimitDisk, type EngineStorage, type HostSize } from '../container/limits.js';

/** The engine's description of its host; the client's types lack some of it. */
export interface HostInfo {
  readonly NCPU?: number;
  readonly MemTotal?: number;
  readonly MemoryLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
  readonly PidsLimit?: boolean;
  readonly Driver?: string;
  readonly DriverStatus?: readonly (readonly string[])[] | null;
  readonly DockerRootDir?: string;
}

export function hostSize({ NCPU, MemTotal }: HostInfo): HostSize {
  return { cpus: NCPU, memoryBytes: MemTotal };
}

export function storageOf(info: HostInfo): EngineStorage {
  return {
    driver: info.Driver ?? '',
    backing: info.DriverStatus?.find(([key]) => key === 'Backing Filesystem')?.[1] ?? '',
    folder: info.DockerRootDir ?? '',
  };
}

/** Warnings about limits that have no effect on this host; the engine drops them without an error. */
export function limitWarnings(info: HostInfo): string[] {
  const missing = Object.entries({ memory: info.MemoryLimit, cpu: info.CpuCfsQuota, pids: info.PidsLimit })
    .filter(([, works]) => works === false)
    .map(([limit]) => limit);
  return missing.length === 0 ? [] : [`the Docker engine cannot limit ${missing.join(', ')} on this host`];
}

export function diskNote(info: HostInfo): string {
  return canLimitDisk(storageOf(info))
    ? 'no limit on what a sandbox writes to its root: default_disk_limit is not set'
    : `no limit on what a sandbox writes to its root: the storage driver ${info.Driver} has no quotas here`;
}
