import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ComputeDriver } from '../../../compute/driver.js';
import type { DriverContext } from '../../../compute/entry.js';
import { failedPrecondition } from '../../../compute/errors.js';
import { chooseAccelerator } from '../accelerator.js';
import { readNetwork } from '../guest-network.js';
import type { VmSettings } from '../settings.js';
import { createVmDriver } from './driver.js';
import { type GuestFiles, givenGuest, preparedGuest } from './guest/prepare.js';
import { lockDirectory } from './lock.js';

const run = promisify(execFile);
const VERSION_TIMEOUT_MS = 10_000;
/** A driver process releases everything within this time after its gateway has ended. */
const LOCK_TIMEOUT_MS = 20_000;

/** The default of the key guest_dir. */
export function defaultGuestDir(env: DriverContext['env']): string {
  return join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'openshell', 'vm-guest');
}

async function guestFiles(settings: VmSettings, env: DriverContext['env']): Promise<GuestFiles> {
  if (settings.kernel !== '' || settings.initramfs !== '') {
    return givenGuest(settings.kernel, settings.initramfs);
  }
  const directory = settings.guest_dir || defaultGuestDir(env);
  const files = await preparedGuest(directory);
  if (files !== undefined) {
    return files;
  }
  throw failedPrecondition(`${directory} has no guest kernel`, {
    reason: 'GuestNotPrepared',
    hint: 'run `openshell-driver-vm prepare`, or set kernel and initramfs',
  });
}

async function qemuBuild(qemu: string): Promise<string> {
  try {
    const { stdout } = await run(qemu, ['--version'], { timeout: VERSION_TIMEOUT_MS });
    return stdout.trim();
  } catch (cause) {
    throw failedPrecondition(`QEMU cannot be run as '${qemu}'`, {
      cause,
      hint: 'install qemu-system-x86, or set qemu to its path',
    });
  }
}

/** Creates the driver in this process. It signs nothing. */
export async function createDriver(context: Omit<DriverContext, 'secret'>): Promise<ComputeDriver> {
  const settings = context.settings as VmSettings;
  const choice = await chooseAccelerator(settings.accel, settings.allow_emulation);
  if (typeof choice === 'string') {
    throw failedPrecondition(`virtual machines cannot run on this host: ${choice}`);
  }
  if (choice.why !== undefined) {
    context.log.warn(`guests are emulated, 10 to 20 times slower: ${choice.why}`);
  }
  const network = readNetwork(settings);
  const build = await qemuBuild(settings.qemu);
  const unlock = await lockDirectory(join(context.stateDir, context.gatewayId), LOCK_TIMEOUT_MS);
  const driver = await createVmDriver({
    context,
    accelerator: choice.accelerator,
    qemuVersion: /version (\S+)/.exec(build)?.[1] ?? 'unknown',
    qemuBuild: build,
    guest: () => guestFiles(settings, context.env),
    network,
  });
  return {
    ...driver,
    close: async () => {
      await driver.close();
      await unlock();
    },
  };
}
