import { execFile } from 'node:child_process';
import { realpath, stat, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '../../../../compute/log.js';
import type { MachineShape } from './arguments.js';
import { type ControlGroups, openControlGroups } from './control-groups.js';
import type { QemuUser } from './user.js';

interface QemuCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** The user to start the process as; undefined: our own. */
  readonly user: QemuUser | undefined;
}

/** Contains a QEMU that its guest has taken over. */
export interface Confinement {
  /** How to start `command` as this machine's QEMU. The process id stays the same. */
  command(command: QemuCommand, shape: MachineShape): Promise<QemuCommand>;
  /** Removes what was created for this machine, whose process has ended. */
  release(name: string): Promise<void>;
  /** Removes what no running machine needs. */
  close(): Promise<void>;
}

interface ConfinementOptions {
  readonly gatewayId: string;
  /** A folder of the driver. */
  readonly stateDir: string;
  readonly qemu: string;
  /** The user id for a trial run. */
  readonly uid: number;
  readonly log: Logger;
}

const run = promisify(execFile);
const TRIAL_TIMEOUT_MS = 10_000;
const TABLE_FILE = 'qemu-mounts';

/** Folders that QEMU does not need: its files are in its working directory, which stays visible, or are descriptors. */
const HIDDEN = [
  ...['/boot', '/home', '/media', '/mnt', '/root', '/run', '/srv', '/tmp', '/var', '/dev/shm'],
  // Last: mount(8) needs it.
  '/proc',
] as const;

/** Enters the groups (one per line), mounts a table, then runs the program. The first two may be empty. */
const SCRIPT = `groups=$1 table=$2
shift 2
IFS='
'
for group in $groups; do echo 0 >"$group/cgroup.procs" || exit 125; done
[ -z "$table" ] || mount -n -a -T "$table" || exit 125
exec "$@"`;

const LOCKED = ['--clear-groups', '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all'] as const;

function asUser({ file, args, user }: QemuCommand): string[] {
  return user === undefined
    ? [file, ...args]
    : ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, ...LOCKED, '--', file, ...args];
}

function wrapped(command: QemuCommand, namespaces: string[], groups: string[], table: string): QemuCommand {
  const inside = ['sh', '-c', SCRIPT, 'sh', groups.join('\n'), table, ...asUser(command)];
  const [file, ...args] = namespaces.length === 0 ? inside : ['unshare', ...namespaces, '--', ...inside];
  return { file: file as string, args, user: undefined };
}

/** A network card's tap device can only be opened in the host's own network namespace. */
function namespacesOf(hasCard: boolean): string[] {
  return [...['--mount', '--propagation=private', '--ipc', '--uts'], ...(hasCard ? [] : ['--net'])];
}

/** The folders to hide, as a table for mount(8), except one that contains QEMU itself. */
async function tableFor(qemu: string, stateDir: string): Promise<string> {
  const program = await run('sh', ['-c', 'command -v "$1"', 'sh', qemu]).then(
    ({ stdout }) => realpath(stdout.trim()),
    () => qemu,
  );
  const lines: string[] = [];
  for (const folder of HIDDEN) {
    const isFolder = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isFolder && !program.startsWith(folder + sep)) {
      lines.push(`openshell ${folder} tmpfs ro,size=4k,mode=555 0 0\n`);
    }
  }
  const path = join(stateDir, TABLE_FILE);
  await writeFile(path, lines.join(''), { mode: 0o600 });
  return path;
}

/** Undefined, with a warning, where this host does not allow namespaces. */
async function tryNamespaces({ qemu, stateDir, uid, log }: ConfinementOptions): Promise<string | undefined> {
  try {
    const table = await tableFor(qemu, stateDir);
    const trial = { file: 'true', args: [], user: { uid, gid: uid } };
    const { file, args } = wrapped(trial, namespacesOf(false), [], table);
    await run(file, [...args], { timeout: TRIAL_TIMEOUT_MS });
    return table;
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    log.warn(
      `QEMU runs without its own namespaces (unshare, mount and setpriv of util-linux): ${(stderr || message).trim()}`,
    );
    return undefined;
  }
}

/** As root: namespaces, hidden folders, no capabilities, and a control group per machine. */
export async function openConfinement(options: ConfinementOptions): Promise<Confinement> {
  if (process.getuid?.() !== 0) {
    return unconfined;
  }
  const table = await tryNamespaces(options);
  const groups: ControlGroups = await openControlGroups({ gatewayId: options.gatewayId, log: options.log });
  return {
    command: async (command, shape) => {
      const folders = await groups.create(shape);
      if (table !== undefined) {
        return wrapped(command, namespacesOf(shape.card !== undefined), folders, table);
      }
      return folders.length === 0 ? command : wrapped(command, [], folders, '');
    },
    release: groups.remove,
    close: groups.close,
  };
}

/** For a driver that is not root, which cannot confine QEMU. */
export const unconfined: Confinement = {
  command: async (command) => command,
  release: async () => {},
  close: async () => {},
};
