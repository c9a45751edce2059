import { createHash } from 'node:crypto';
import { mkdir, readdir, readlink, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../../../compute/log.js';
import { lockDirectory } from '../lock.js';

/** The user ids for one gateway's QEMUs. */
interface UidRange {
  readonly first: number;
  readonly last: number;
}

interface UidRangeOptions {
  /** The first range begins at or after this. */
  readonly base: number;
  readonly gatewayId: string;
  /** The gateway's own folder: while it exists, the range is taken. */
  readonly owner: string;
  readonly log: Logger;
  readonly registry?: string;
}

const SIZE = 65_536;
const HIGHEST = 2 ** 31;
const LOCK_TIMEOUT_MS = 20_000;

function rangeAt(first: number): UidRange {
  return { first, last: first + SIZE - 1 };
}

/**
 * A range that no other gateway on this host has: derived from the gateway's id, or the next free one. Ranges are reserved
 * by links in a folder of the host that a reboot empties, which also ends all machines.
 */
export async function claimUidRange(options: UidRangeOptions): Promise<UidRange> {
  const { base, gatewayId, owner, log, registry = '/run/openshell-vm' } = options;
  // Earlier versions used the first range for every gateway.
  const start = (Math.ceil(base / SIZE) + 1) * SIZE;
  const count = Math.max(1, Math.floor((HIGHEST - start) / SIZE));
  const wanted = createHash('sha256').update(gatewayId).digest().readUInt32LE(0) % count;
  try {
    return rangeAt(await claim(registry, owner, start, count, wanted));
  } catch (error) {
    log.warn(
      `QEMU's user ids could not be reserved and may be another gateway's: ${(error as Error).message}`,
    );
    return rangeAt(start + wanted * SIZE);
  }
}

async function claim(
  registry: string,
  owner: string,
  start: number,
  count: number,
  wanted: number,
): Promise<number> {
  await mkdir(registry, { recursive: true, mode: 0o700 });
  const unlock = await lockDirectory(registry, LOCK_TIMEOUT_MS);
  try {
    const taken = new Set<number>();
    for (const name of await readdir(registry)) {
      if (!/^\d+$/.test(name)) {
        continue;
      }
      const first = Number(name);
      const holder = await readlink(join(registry, name));
      if (holder === owner && first >= start && first < start + count * SIZE) {
        return first;
      }
      const isHeld = holder !== owner && (await stat(holder).catch(() => undefined)) !== undefined;
      if (isHeld) {
        taken.add(first);
      } else {
        await rm(join(registry, name));
      }
    }
    for (let i = 0; i < count; i++) {
      const first = start + ((wanted + i) % count) * SIZE;
      if (taken.has(first)) {
        continue;
      }
      await symlink(owner, join(registry, String(first)));
      return first;
    }
    throw new Error(`all ${count} ranges are taken`);
  } finally {
    await unlock();
  }
}
