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
  /** Whom the process is to be started as; undefined: our own user. */
  readonly user: QemuUser | undefined;
}

/** What a QEMU that its guest has taken over is kept in. */
export interface Confinement {
  /** How to start `command` as this machine's QEMU. It stays one process with one number. */
  command(command: QemuCommand, shape: MachineShape): Promise<QemuCommand>;
  /** Removes what was made for this machine; its process is gone. */
  release(name: string): Promise<void>;
  /** What no machine that runs on needs. */
  close(): Promise<void>;
}

interface ConfinementOptions {
  readonly gatewayId: string;
  /** A folder of the driver's own. */
  readonly stateDir: string;
  readonly qemu: string;
  /** Somebody that a trial may run as. */
  readonly uid: number;
  readonly log: Logger;
}

const run = promisify(execFile);
const TRIAL_TIMEOUT_MS = 10_000;
const TABLE_FILE = 'qemu-mounts';

/** What no QEMU needs: it has its files by its working directory, which stays as it is, and by descriptors. */
const HIDDEN = [
  ...['/boot', '/home', '/media', '/mnt', '/root', '/run', '/srv', '/tmp', '/var', '/dev/shm'],
  // mount(8) reads it until the end.
  '/proc',
] as const;

/** Each step or none: `groups` a line each, a table of mounts, then the program. */
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

/** A card's device is one of the host's own network namespace, and can be opened from there alone. */
function namespacesOf(hasCard: boolean): string[] {
  return [...['--mount', '--propagation=private', '--ipc', '--uts'], ...(hasCard ? [] : ['--net'])];
}

/** The folders to hide, as a table for mount(8). A QEMU that lies in one of them leaves it as it is. */
async function tableFor(qemu: string, stateDir: string): Promise<string> {
  const program = await run('sh', ['-c', 'command -v "$1"', 'sh', qemu]).then(
    ({ stdout }) => realpath(stdout.trim()),
    () => qemu,
  );
  const lines: string[] = [];
  for (const folder of HIDDEN) {
    const isThere = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isThere && !program.startsWith(folder + sep)) {
      lines.push(`openshell ${folder} tmpfs ro,size=4k,mode=555 0 0\n`);
    }
  }
  const path = join(stateDir, TABLE_FILE);
  await writeFile(path, lines.join(''), { mode: 0o600 });
  return path;
}

/** Undefined, told once, where this host does not allow them. */
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
      `QEMU runs without namespaces of its own (unshare, mount and setpriv of util-linux): ${(stderr || message).trim()}`,
    );
    return undefined;
  }
}

/** As root: namespaces, what a process may not see hidden, no capability, and a control group a machine. */
export async function openConfinement(options: ConfinementOptions): Promise<Confinement> {
  if (process.getuid?.() !== 0) {
    return unconfined;
  }
  const table = await tryNamespaces(options);
  const groups: ControlGroups = await openControlGroups({ gatewayId: options.gatewayId, log: options.log });
  return {
    command: async (command, shape) => {
      const folders = await groups.make(shape);
      if (table !== undefined) {
        return wrapped(command, namespacesOf(shape.card !== undefined), folders, table);
      }
      return folders.length === 0 ? command : wrapped(command, [], folders, '');
    },
    release: groups.remove,
    close: groups.close,
  };
}

/** QEMU as it is, which as another user than root is all that can be had. */
export const unconfined: Confinement = {
  command: async (command) => command,
  release: async () => {},
  close: async () => {},
};
