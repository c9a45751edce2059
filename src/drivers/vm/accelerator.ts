import { access, constants, readFile } from 'node:fs/promises';

export type Accelerator = 'kvm' | 'tcg';

interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  /** Why it is emulation and not hardware; undefined with KVM. */
  readonly why: string | undefined;
}

/**
 * Whether guests can run on the hardware: /dev/kvm must be ours to use, and on x86 the CPU must really offer VMX or
 * SVM, because /dev/kvm also opens where no ordinary guest kernel runs on it. Returns the reason when they cannot.
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
    : '/dev/kvm is there, but the CPU offers neither vmx nor svm';
}

/** Decides for a wish of `auto`, `kvm` or `tcg`. A string is the reason why the wish cannot be met. */
export async function chooseAccelerator(
  wish: string,
  allowEmulation: boolean,
): Promise<AcceleratorChoice | string> {
  if (wish === 'tcg') {
    return { accelerator: 'tcg', why: 'accel = "tcg" asks for it' };
  }
  const obstacle = await kvmObstacle();
  if (obstacle === undefined) {
    return { accelerator: 'kvm', why: undefined };
  }
  if (wish === 'kvm') {
    return obstacle;
  }
  return allowEmulation
    ? { accelerator: 'tcg', why: obstacle }
    : `${obstacle}; emulation is 10 to 20 times slower and must be allowed with allow_emulation = true`;
}
