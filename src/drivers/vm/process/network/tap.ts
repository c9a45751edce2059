import { readFile, stat } from 'node:fs/promises';
import { Code, OpenShellError } from '../../../../compute/errors.js';
import type { QemuUser } from '../qemu/user.js';

const TUN = '/dev/net/tun';
const IFF_UP = 0x1;
const IFF_TAP = 0x2;

function unusable(tap: string, why: string, hint: string): OpenShellError {
  return new OpenShellError(Code.FAILED_PRECONDITION, `the tap device '${tap}' cannot be used: ${why}`, {
    reason: 'NetworkUnavailable',
    hint,
  });
}

/** Refuses a device that QEMU cannot open, with a hint for the operator. `user` undefined: QEMU runs as our own user. */
export async function checkTap(
  tap: string,
  user: QemuUser | undefined,
  sysfs = '/sys/class/net',
): Promise<void> {
  const uid = user?.uid ?? process.getuid?.() ?? 0;
  const gids = user === undefined ? (process.getgroups?.() ?? []) : [user.gid];
  // If we are root, each sandbox's QEMU has its own user, so the device must belong to none of them.
  const owned = user === undefined ? ` user ${uid}` : '';
  const add = `create it with \`ip tuntap add dev ${tap} mode tap${owned}\``;
  function read(file: string) {
    return readFile(`${sysfs}/${tap}/${file}`, 'utf8').catch(() => undefined);
  }

  const [flags, kind, owner, group] = await Promise.all(['flags', 'tun_flags', 'owner', 'group'].map(read));
  if (flags === undefined) {
    throw unusable(tap, 'it does not exist', add);
  }
  if (kind === undefined || (Number(kind) & IFF_TAP) === 0) {
    throw unusable(tap, 'it is another kind of device', add);
  }
  const [ownerId, groupId] = [Number(owner ?? -1), Number(group ?? -1)];
  if ((ownerId !== -1 && ownerId !== uid) || (groupId !== -1 && !gids.includes(groupId))) {
    throw unusable(tap, `it belongs to user ${ownerId}, group ${groupId}, and QEMU runs as ${uid}`, add);
  }
  if ((Number(flags) & IFF_UP) === 0) {
    throw unusable(tap, 'it is down', `run \`ip link set ${tap} up\``);
  }
  const node = await stat(TUN).catch(() => undefined);
  const mine = node?.uid === uid ? 0o600 : node !== undefined && gids.includes(node.gid) ? 0o060 : 0o006;
  if (uid !== 0 && ((node?.mode ?? 0) & mine) !== mine) {
    throw unusable(
      tap,
      `QEMU, as user ${uid}, may not open ${TUN}`,
      `let it, e.g. with \`chmod 666 ${TUN}\``,
    );
  }
}
