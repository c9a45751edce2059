import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { failedPrecondition } from '../compute/errors.js';
import type { Store } from '../store/store.js';

/** Where a database lies, by what a copy of it does not have in common with it. */
export interface DatabasePlace {
  readonly path: string;
  /** The file's number on its file system. */
  readonly inode: string;
  /** When it was made there, in nanoseconds; 0 where the file system does not tell. */
  readonly born: string;
  /** Of this host; empty in a container, where it changes with each one or is that of the image. */
  readonly machine: string;
}

const KEY = 'database_place';
/** What containers have at their root. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv'];

export async function databasePlace(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<DatabasePlace> {
  const { ino, birthtimeNs } = await stat(path, { bigint: true });
  return { path, inode: String(ino), born: String(birthtimeNs), machine: await machineOf(env) };
}

async function machineOf(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  const inContainer =
    env.KUBERNETES_SERVICE_HOST !== undefined ||
    env.container !== undefined ||
    CONTAINER_MARKS.some(existsSync);
  const id = inContainer ? '' : (await readFile('/etc/machine-id', 'utf8').catch(() => '')).trim();
  return id === '' ? '' : digest('openshell-gateway', id);
}

/** The word by which an operator says that a database belongs where it lies now; it fits no other place. */
export function placeWord({ inode, born, machine }: DatabasePlace): string {
  return digest(born === '0' ? inode : born, machine).slice(0, 12);
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

/**
 * Remembers where the database lies. FAILED_PRECONDITION when it lay elsewhere the last time: a copy that is started
 * beside its original takes the same gateway's sandboxes in hand, and neither knows of the other's changes. A file that
 * was renamed, a volume under a new container and a disk under another host name are the same place; a file that was
 * copied or restored, and a disk in another machine, are not, unless `adopt` is the word of this place.
 */
export async function keepPlace(
  store: Store,
  place: DatabasePlace,
  adopt: string | undefined,
): Promise<void> {
  const { path, ...now } = place;
  const stored = await store.getMeta(KEY);
  const text = JSON.stringify(now);
  if (stored === text) {
    return;
  }
  if (stored !== undefined && adopt !== placeWord(place)) {
    const before = JSON.parse(stored) as Omit<DatabasePlace, 'path'>;
    // Either may change by itself on some file systems; a copy has neither.
    const sameFile = before.inode === now.inode || (now.born !== '0' && before.born === now.born);
    const sameMachine = before.machine === '' || now.machine === '' || before.machine === now.machine;
    if (!sameFile || !sameMachine) {
      throw moved(place, sameFile);
    }
  }
  await store.setMeta(KEY, text);
}

function moved(place: DatabasePlace, sameFile: boolean) {
  return failedPrecondition(
    `the database ${place.path} ${sameFile ? 'was last used on another machine' : 'is a copy: it was last used as another file'}`,
    {
      reason: 'DatabaseMoved',
      hint:
        `if no gateway uses the other one any more, start with --adopt-database ${placeWord(place)}; ` +
        'a second gateway needs an empty database of its own (--db-url), or both would change the same sandboxes',
    },
  );
}
