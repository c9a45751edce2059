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

/** The machine to restore. */
interface Wanted {
  readonly shape: MachineShape;
  readonly guest: GuestFiles;
}

/** Saved states of booted machines, from which sandboxes start. */
export interface Snapshots {
  /** A snapshot's state, for the caller to close; or why no snapshot can be used. */
  find(wanted: Wanted, signal: AbortSignal): Promise<FileHandle | string>;
  /** Takes one in the background unless one exists, another is being taken, or it failed too often. */
  want(wanted: Wanted): void;
  /** Restoring failed although booting worked. */
  discard(wanted: Wanted, reason: string): Promise<void>;
  /** Cancels the one being taken. */
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
  /** Runs `work` with a user that no sandbox has. */
  readonly asUser: (work: (user: QemuUser | undefined) => Promise<void>) => Promise<void>;
  readonly log: Logger;
}

/** After this many failures, this process takes no more snapshots of that kind. */
const MAX_FAILURES = 3;
/** For stopping the machine and writing its state, after the boot. */
const SAVE_TIMEOUT_MS = 60_000;

interface Failures {
  readonly count: number;
  readonly last: string;
}

function describe({ shape }: Wanted): string {
  return `${shape.vcpus} CPU, ${shape.memoryMib} MiB`;
}

/** Also cleans up after earlier processes. */
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
    // One at a time among all driver processes: it costs as much as a boot.
    const unlock = await lockDirectory(join(directory, '.making'), 0);
    try {
      const existing = await store.open(key, signal);
      if (typeof existing !== 'string') {
        return await existing.close();
      }
      await options.asUser((user) =>
        takeSnapshot({ ...options, ...wanted, user, signal }, async (folder, saved) => {
          const now = await options.guest();
          if (now.digest !== wanted.guest.digest) {
            return log.info('the guest files changed while a snapshot was taken');
          }
          await store.keep(key, folder, saved);
          log.info(`a snapshot is ready: ${describe(wanted)}, ${saved.bytes} bytes`);
        }),
      );
    } finally {
      await unlock();
    }
  }

  return {
    async find(wanted, signal) {
      // A state includes its devices and the address of a network card.
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
          log.warn(`no snapshot of ${describe(wanted)} was taken: ${error.text}`);
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
      closing.abort(new DOMException('the driver is closing', 'AbortError'));
      await making;
    },
  };
}
