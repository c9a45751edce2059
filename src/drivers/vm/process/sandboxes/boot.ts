import { OpenShellError, unavailable } from '../../../../compute/errors.js';
import type { Logger } from '../../../../compute/log.js';
import { deadline, delay } from '../../../../kit/deadline.js';
import type { GuestFiles } from '../guest/prepare.js';
import type { Snapshots } from '../snapshots/snapshots.js';
import { type LaunchOptions, launchMachine, type Machine, QEMU_KILLED } from './machine.js';

interface BootOptions extends Omit<LaunchOptions, 'stateFd' | 'onAnswered'> {
  readonly guest: GuestFiles;
  /** Puts the guest's files where QEMU looks for them; not needed to restore a machine. */
  readonly placeGuest: () => Promise<void>;
  /** Undefined: every machine boots. */
  readonly snapshots: Snapshots | undefined;
  /** Must succeed before the main process starts. */
  readonly prepare: (machine: Machine, signal: AbortSignal) => Promise<void>;
  /** Starts the main process. */
  readonly begin: (machine: Machine, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
}

/** A restored machine answers quickly or not at all. */
const MAX_RESTORE_MS = 20_000;
/** How often a machine is started when someone else ends its QEMU. */
const ATTEMPTS = 3;
const END_SEEN_MS = 500;

function bringUp(options: BootOptions, stateFd: number | undefined, bootTimeoutMs: number): Promise<Machine> {
  return launchMachine({ ...options, stateFd, bootTimeoutMs, onAnswered: options.prepare });
}

/**
 * A machine that is ready for its main process: restored from a snapshot or, if none can be used, booted, with the reason
 * in the log. A failure leaves no process.
 */
async function bootMachine(options: BootOptions): Promise<Machine> {
  const { snapshots, signal, log } = options;
  const wanted = { shape: options.shape, guest: options.guest };
  const snapshot = await snapshots?.find(wanted, signal);
  let restoreError: string | undefined;
  if (typeof snapshot === 'string') {
    log.info(`the virtual machine boots cold: ${snapshot}`);
  } else if (snapshot !== undefined) {
    try {
      return await bringUp(options, snapshot.fd, Math.min(options.bootTimeoutMs, MAX_RESTORE_MS));
    } catch (error) {
      signal.throwIfAborted();
      const known = OpenShellError.from(error);
      if (known.reason === QEMU_KILLED) {
        throw known;
      }
      restoreError = known.text;
      log.warn(`the virtual machine boots cold: it cannot be restored from its snapshot: ${restoreError}`);
    } finally {
      await snapshot.close();
    }
  }
  await options.placeGuest();
  const machine = await bringUp(options, undefined, options.bootTimeoutMs);
  // A problem that also fails the boot, such as a broken root disk, is not the snapshot's fault.
  if (restoreError !== undefined) {
    await snapshots?.discard(wanted, restoreError);
  }
  snapshots?.want(wanted);
  return machine;
}

async function begin(machine: Machine, { begin, bootTimeoutMs, signal }: BootOptions): Promise<void> {
  try {
    await begin(machine, deadline(bootTimeoutMs, signal));
  } catch (cause) {
    const wasEnded = await Promise.race([machine.gone.then(() => true), delay(END_SEEN_MS)]);
    await machine.kill();
    throw wasEnded ? unavailable('QEMU ended', { reason: QEMU_KILLED, cause }) : cause;
  }
}

/**
 * A machine whose main process runs. It is started again when someone ended its QEMU before that. A failure leaves no
 * process.
 */
export async function startMachine(options: BootOptions): Promise<Machine> {
  for (let left = ATTEMPTS - 1; ; left--) {
    try {
      const machine = await bootMachine(options);
      await begin(machine, options);
      return machine;
    } catch (thrown) {
      const error = OpenShellError.from(thrown);
      if (left === 0 || error.reason !== QEMU_KILLED) {
        throw error;
      }
      options.log.warn(`${error.message} before the main process ran; starting it again`);
    }
  }
}
