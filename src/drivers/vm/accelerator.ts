import { access, constants, readFile } from 'node:fs/promises';

export type Accelerator = 'kvm' | 'tcg';

interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  /** Why guests are emulated; undefined with KVM. */
  readonly why: string | undefined;
}

/**
 * Why guests cannot use the hardware, if so: /dev/kvm must be accessible, and on x86 the CPU must have VMX or SVM, because
 * /dev/kvm can also be opened where ordinary guest kernels do not run.
 */
async function kvmObstacle(): Promise<string | undefined> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return '/dev/kvm is missing or not readable and writable by this user';
  }
  if (process.arch !== 'x64') {
    return undefined;
  }
  const cpuinfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return /^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo)
    ? undefined
    : '/dev/kvm exists, but the CPU has neither vmx nor svm';
}

/** Chooses for `auto`, `kvm` or `tcg`. A string is the reason why the choice is not possible. */
export async function chooseAccelerator(
  accel: string,
  allowEmulation: boolean,
): Promise<AcceleratorChoice | string> {
  if (accel === 'tcg') {
    return { accelerator: 'tcg', why: 'accel is "tcg"' };
  }
  const obstacle = await kvmObstacle();
  if (obstacle === undefined) {
    return { accelerator: 'kvm', why: undefined };
  }
  if (accel === 'kvm') {
    return obstacle;
  }
  return allowEmulation
    ? { accelerator: 'tcg', why: obstacle }
    : `${obstacle}; emulation is 10 to 20 times slower and must be allowed with allow_emulation = true`;
}
