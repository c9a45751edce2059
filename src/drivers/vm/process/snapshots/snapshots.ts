import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { OpenShellError } from '../../../../compute/errors.js';
import type { Logger } from '../../../../compute/log.js';
import { deadline } from '../../../../kit/deadline.js';
import type { GuestFiles } from '../guest/prepare.js';
import { lockDirectory } from '../lock.js';
import type { MachineShape } from '../qemu/arguments.js';
import type { Confinement } from '../qemu/confinement.js';
import type { QemuUser } from '../qemu/user.js';
import { snapshotKey } from './key.js';
import { clearGone, createSnapshotStore } from './store.js';
import { clearUnmade, takeSnapshot } from './take.js';

/** What a machine would be restored as. */
interface Wanted {
  readonly shape: MachineShape;
  readonly guest: GuestFiles;
}

/** Machines that booted once and stand still where every sandbox begins. */
export interface Snapshots {
  /** A snapshot's state, for the caller to close; or why no snapshot can serve. */
  find(wanted: Wanted, signal: AbortSignal): Promise<FileHandle | string>;
  /** Makes one in the background when there is none, no other is being made, and it did not fail too often. */
  want(wanted: Wanted): void;
  /** It failed where a boot did not. */
  discard(wanted: Wanted, reason: string): Promise<void>;
  /** Gives up what is being made. */
  close(): Promise<void>;
}

export interface SnapshotsOptions {
  readonly directory: string;
  readonly cacheMib: number;
  readonly qemu: string;
  readonly qemuBuild: string;
  readonly hostCpu: string;
  readonly bootTimeoutMs: number;
  /** The guest's files as they are now. */
  readonly guest: () => Promise<GuestFiles>;
  readonly confinement: Confinement;
  /** Lends a user that no sandbox has. */
  readonly asUser: (work: (user: QemuUser | undefined) => Promise<void>) => Promise<void>;
  readonly log: Logger;
}

/** After so many failures there are no snapshots of a kind in this process. */
const MAX_FAILURES = 3;
/** Beside the boot: stopping the machine and writing its state. */
const SAVE_TIMEOUT_MS = 60_000;

interface Failures {
  readonly count: number;
  readonly last: string;
}

function describe({ shape }: Wanted): string {
  return `${shape.vcpus} CPU, ${shape.memoryMib} MiB`;
}

/** Also ends and removes what processes that are gone were making. */
export async function openSnapshots(options: SnapshotsOptions): Promise<Snapshots> {
  const { directory, log } = options;
  const store = createSnapshotStore(directory, options.cacheMib);
  const failures = new Map<string, Failures>();
  const closing = new AbortController();
  let making: Promise<void> | undefined;
  await clearUnmade(directory);
  await clearGone(directory);

  function keyOf({ shape, guest }: Wanted): string {
    return snapshotKey({
      shape,
      guestDigest: guest.digest,
      qemuBuild: options.qemuBuild,
      hostCpu: options.hostCpu,
    });
  }

  function failed(key: string, last: string) {
    return failures.set(key, { count: (failures.get(key)?.count ?? 0) + 1, last });
  }

  function givenUp(key: string): Failures | undefined {
    const known = failures.get(key);
    return known !== undefined && known.count >= MAX_FAILURES ? known : undefined;
  }

  async function make(key: string, wanted: Wanted): Promise<void> {
    const signal = deadline(options.bootTimeoutMs + SAVE_TIMEOUT_MS, closing.signal);
    // One at a time in all driver processes: it costs as much as a boot.
    const unlock = await lockDirectory(join(directory, '.making'), 0);
    try {
      const isThere = await store.open(key, signal);
      if (typeof isThere !== 'string') {
        return await isThere.close();
      }
      await options.asUser((user) =>
        takeSnapshot({ ...options, ...wanted, user, signal }, async (made, saved) => {
          const now = await options.guest();
          if (now.digest !== wanted.guest.digest) {
            return log.info('the guest changed while a snapshot was made');
          }
          await store.keep(key, made, saved);
          log.info(`a snapshot is ready: ${describe(wanted)}, ${saved.bytes} bytes`);
        }),
      );
    } finally {
      await unlock();
    }
  }

  return {
    async find(wanted, signal) {
      // A state fits no machine with other devices, and a card's address is a part of it.
      if (wanted.shape.card !== undefined) {
        return 'no snapshot has a network card';
      }
      const key = keyOf(wanted);
      const known = givenUp(key);
      if (known !== undefined) {
        return `snapshots of ${describe(wanted)} failed ${known.count} times: ${known.last}`;
      }
      const found = await store.open(key, signal);
      return typeof found === 'string' ? `the snapshot of ${describe(wanted)}: ${found}` : found;
    },
    want(wanted) {
      const key = keyOf(wanted);
      if (wanted.shape.card !== undefined) {
        return;
      }
      if (making !== undefined || closing.signal.aborted || givenUp(key) !== undefined) {
        return;
      }
      making = make(key, wanted)
        .catch((thrown) => {
          const error = OpenShellError.from(thrown);
          if (closing.signal.aborted || error.reason === 'DriverRunning') {
            return;
          }
          failed(key, error.text);
          log.warn(`no snapshot of ${describe(wanted)} was made: ${error.text}`);
        })
        .finally(() => {
          making = undefined;
        });
    },
    async discard(wanted, reason) {
      failed(keyOf(wanted), reason);
      await store.drop(keyOf(wanted));
    },
    async close() {
      closing.abort(new DOMException('the driver ends', 'AbortError'));
      await making;
    },
  };
}
