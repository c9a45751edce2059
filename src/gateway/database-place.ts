import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { failedPrecondition } from '../compute/errors.js';
import type { Store } from '../store/store.js';

/** Identifies the place of a database, by properties that a copy does not share. */
export interface DatabasePlace {
  readonly path: string;
  /** The inode number of the file. */
  readonly inode: string;
  /** When the file was created, in nanoseconds; 0 when the file system does not record it. */
  readonly born: string;
  /** Hash of the machine id; empty in a container, where it is new for each container or comes from the image. */
  readonly machine: string;
}

const KEY = 'database_place';
/** Files that exist only in containers. */
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

/** The word with which an operator confirms that the database moved to this place; it is valid for no other place. */
export function placeWord({ inode, born, machine }: DatabasePlace): string {
  return digest(born === '0' ? inode : born, machine).slice(0, 12);
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}

/**
 * Stores the place of the database. FAILED_PRECONDITION when it was elsewhere before: two gateways, one on a database
 * and one on its copy, would manage the same sandboxes without knowing of each other. A renamed file, a volume in a new
 * container and a disk under another host name are the same place; a copied or restored file and a disk in another
 * machine are not, unless `adopt` is the word of this place.
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
    // On some file systems one of the two can change by itself; a copy has neither.
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
        `if no gateway uses the other one anymore, start with --adopt-database ${placeWord(place)}; ` +
        'a second gateway needs an empty database of its own (--db-url), or both would change the same sandboxes',
    },
  );
}
