import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { ProbeContext, ProbeResult } from '../../compute/entry.js';
import { OpenShellError } from '../../compute/errors.js';
import { chooseAccelerator } from './accelerator.js';
import { readNetwork } from './guest-network.js';
import type { VmSettings } from './settings.js';

function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  if (name.includes('/')) {
    return (await isProgram(name)) ? name : undefined;
  }
  for (const folder of path.split(delimiter)) {
    if (folder !== '' && (await isProgram(join(folder, name)))) {
      return join(folder, name);
    }
  }
  return undefined;
}

/** Whether this host can run guests: QEMU, the disk tools, and an accelerator. */
export async function probeVm({ settings, env }: ProbeContext): Promise<ProbeResult> {
  const { qemu, accel, allow_emulation } = settings as VmSettings;
  if (process.platform !== 'linux') {
    return { state: 'unavailable', reason: 'the vm driver needs Linux' };
  }
  const path = `${env.PATH ?? ''}:/usr/sbin:/sbin`;
  const tried: string[] = [];
  for (const name of [qemu, 'qemu-img', 'mke2fs']) {
    const found = await findProgram(name, path);
    tried.push(`${name}: ${found ?? 'not found'}`);
    if (found === undefined) {
      return {
        state: 'unavailable',
        reason: `the program ${name} was not found; install qemu-system-x86, qemu-utils and e2fsprogs`,
        tried,
      };
    }
  }
  try {
    readNetwork(settings as VmSettings);
  } catch (error) {
    return { state: 'unavailable', reason: OpenShellError.from(error).text, tried };
  }
  const choice = await chooseAccelerator(accel, allow_emulation);
  if (typeof choice === 'string') {
    return { state: 'unavailable', reason: choice, tried };
  }
  return {
    state: 'ready',
    endpoint: (await findProgram(qemu, path)) ?? qemu,
    engineVersion: `qemu/${choice.accelerator}`,
    ...(choice.why === undefined
      ? {}
      : { warnings: [`guests are emulated, 10 to 20 times slower: ${choice.why}`] }),
  };
}
