import { open, stat } from 'node:fs/promises';

export function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Runs `work` with a function that returns a short path for a name in `directory`: the path of a Unix socket has at most
 * 107 bytes, and a state directory may have more.
 */
export async function withShortPaths<T>(
  directory: string,
  work: (at: (name: string) => string) => Promise<T>,
): Promise<T> {
  const folder = await open(directory, 'r');
  try {
    return await work((name) => `/proc/self/fd/${folder.fd}/${name}`);
  } finally {
    await folder.close();
  }
}

export interface CacheEntry {
  readonly key: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/** Keys of the least recently used entries without which the others fit into `maxBytes`; `keep` always stays. */
export function toEvict(entries: readonly CacheEntry[], maxBytes: number, keep: string): string[] {
  const evicted: string[] = [];
  let total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { key, bytes } of [...entries].sort((a, b) => a.usedMs - b.usedMs)) {
    if (total > maxBytes && key !== keep) {
      evicted.push(key);
      total -= bytes;
    }
  }
  return evicted;
}
