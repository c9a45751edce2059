import { readFile, writeFile } from 'node:fs/promises';

const MIB = 1024;

async function highWaterMib(pid: number): Promise<number> {
  return Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / MIB;
}

/** Runs `work`; gives by how many MiB each process was larger at its largest than it was before. */
export async function growthDuring(pids: readonly number[], work: () => Promise<void>): Promise<number[]> {
  for (const pid of pids) {
    await writeFile(`/proc/${pid}/clear_refs`, '5');
  }
  const before = await Promise.all(pids.map(highWaterMib));
  await work();
  const after = await Promise.all(pids.map(highWaterMib));
  return after.map((value, i) => Math.round(value - (before[i] as number)));
}
