import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { writeCpio } from '../../dist/drivers/vm/process/guest/cpio.js';

const ROOT = resolve(import.meta.dirname, '../..');
const AGENT = join(ROOT, 'src/agent/guest');
const FLAGS = ['-static', '-Os', '-s', '-std=gnu11', '-Wl,--wrap=spawn_process,--wrap=frames_open'];

/**
 * Makes an initramfs in `folder` whose agent turns hostile on a word, see hostile-agent.c; gives its path. `initramfs`
 * is the real one: of two archives one after the other the kernel keeps the later /init.
 */
export async function makeHostileGuest(folder: string, initramfs: string): Promise<string> {
  const agent = join(folder, 'hostile-agent');
  const sources = (await readdir(AGENT)).filter((name) => name.endsWith('.c'));
  await promisify(execFile)(
    'musl-gcc',
    [...FLAGS, `-I${AGENT}`, '-o', agent, ...sources, join(ROOT, 'test/system/hostile-agent.c')],
    { cwd: AGENT, timeout: 120_000 },
  );
  const init = writeCpio([{ path: 'init', mode: 0o100755, data: await readFile(agent) }]);
  const path = join(folder, 'hostile-initramfs');
  await writeFile(path, Buffer.concat([await readFile(initramfs), init]));
  return path;
}
