import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const SAMPLE_MS = 25;
/** Beyond it, what waits to be collected is collected before memory is counted: garbage is not growth. */
const COLLECT_FROM_BYTES = 16 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Of this process what is held, on the heap and beside it: V8 keeps pages after their garbage is gone. */
function heldBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Resident memory; 0 when the process is gone. */
function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export interface Growth {
  /** The most that one of the processes had beyond its first figure. */
  mostMib(): number;
  stop(): void;
}

/** Follows the memory of processes: of this one what it holds, of another what is resident. */
export function followGrowth(pids: readonly number[]): Growth {
  const bytesOf = (pid: number) => (pid === process.pid ? heldBytes() : residentBytes(pid));
  collectGarbage();
  const first = new Map(pids.map((pid) => [pid, bytesOf(pid)]));
  let most = 0;
  const sample = () => {
    for (const [pid, atFirst] of first) {
      let grown = bytesOf(pid) - atFirst;
      if (pid === process.pid && grown > COLLECT_FROM_BYTES && grown > most) {
        collectGarbage();
        grown = bytesOf(pid) - atFirst;
      }
      most = Math.max(most, grown);
    }
  };
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    mostMib() {
      sample();
      return most / 1024 / 1024;
    },
    stop: () => clearInterval(timer),
  };
}
