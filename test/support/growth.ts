import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const SAMPLE_MS = 25;
/** Beyond it, what waits to be collected is collected before memory is counted: garbage is not growth. */
const COLLECT_FROM_BYTES = 16 * 1024 * 1024;

setFlagsFromString('--expose-gc');
export const collectGarbage = runInNewContext('gc') as () => void;

/** Of this process what is held, on the heap and beside it: V8 keeps pages after their garbage is gone. */
function heldBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Resident memory of another process, now and at its largest since `forgetPeak`; 0 when the process is gone. */
function residentBytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

export interface Growth {
  /** The most that one of the processes had beyond its first figure. */
  mostMib(): number;
  /** The same of each, in the order of `pids`, in whole MiB. */
  eachMib(): number[];
  stop(): void;
}

/** Follows the memory of processes: of this one what it holds, of another what is resident. */
export function followGrowth(pids: readonly number[]): Growth {
  collectGarbage();
  const own = heldBytes();
  let ownMost = 0;
  const others = new Map<number, number>();
  for (const pid of pids) {
    if (pid !== process.pid) {
      forgetPeak(pid);
      others.set(pid, residentBytes(pid, 'VmRSS'));
    }
  }
  function sample() {
    let grown = heldBytes() - own;
    if (grown > COLLECT_FROM_BYTES && grown > ownMost) {
      collectGarbage();
      grown = heldBytes() - own;
    }
    ownMost = Math.max(ownMost, grown);
  }
  const timer = pids.includes(process.pid) ? setInterval(sample, SAMPLE_MS) : undefined;
  function grownBytes(pid: number): number {
    const first = others.get(pid);
    return first === undefined ? ownMost : Math.max(0, residentBytes(pid, 'VmHWM') - first);
  }
  function sampled(): number[] {
    if (timer !== undefined) {
      sample();
    }
    return pids.map((pid) => grownBytes(pid) / 1024 / 1024);
  }
  return {
    mostMib: () => Math.max(0, ...sampled()),
    eachMib: () => sampled().map(Math.round),
    stop: () => clearInterval(timer),
  };
}

/** Runs `work`; gives by how many MiB each process grew meanwhile. */
export async function growthDuring(pids: readonly number[], work: () => Promise<void>): Promise<number[]> {
  const growth = followGrowth(pids);
  try {
    await work();
    return growth.eachMib();
  } finally {
    growth.stop();
  }
}
