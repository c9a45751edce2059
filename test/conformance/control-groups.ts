import { readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Removes the empty control groups that machines of this gateway left when a test ended them by itself. */
export async function removeControlGroups(gatewayId: string): Promise<void> {
  const own = await readFile('/proc/self/cgroup', 'utf8').catch(() => '');
  const paths = own.split('\n').map((line) => /^\d+:([^:,]*)[^:]*:(.*)$/.exec(line)?.slice(1) ?? []);
  for (const [name = '', path = ''] of [...paths, ...paths.map(([name]) => [name, '']), ['', '']]) {
    const folder = join('/sys/fs/cgroup', name, path, 'openshell-vm', gatewayId);
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      if (entry.isDirectory()) {
        await rmdir(join(folder, entry.name)).catch(() => {});
      }
    }
    await rmdir(folder).catch(() => {});
  }
}
