import { readdir, readFile, readlink } from 'node:fs/promises';

export interface VmProcess {
  readonly pid: number;
  readonly kind: 'driver' | 'machine' | 'other';
  readonly what: string;
}

/**
 * What a gateway with this XDG_STATE_HOME has started: told by environment and working directory, whatever any record
 * says.
 */
export async function vmProcesses(stateHome: string): Promise<VmProcess[]> {
  const found: VmProcess[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) {
      continue;
    }
    const read = (file: string) => readFile(`/proc/${entry}/${file}`, 'latin1').catch(() => '');
    const folder = await readlink(`/proc/${entry}/cwd`).catch(() => '');
    const line = (await read('cmdline')).split('\0');
    const pid = Number(entry);
    const name = line.find((word) => word.startsWith('openshell-'));
    if (folder.startsWith(`${stateHome}/`)) {
      found.push(
        name === undefined
          ? { pid, kind: 'other', what: line.join(' ') }
          : { pid, kind: 'machine', what: `the QEMU of ${name}` },
      );
    } else if (
      line.includes('--from-gateway') &&
      (await read('environ')).includes(`XDG_STATE_HOME=${stateHome}\0`)
    ) {
      found.push({ pid, kind: 'driver', what: 'the driver process' });
    }
  }
  return found;
}
