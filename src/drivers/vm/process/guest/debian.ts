import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failedPrecondition } from '../../../../compute/errors.js';

const run = promisify(execFile);

/** Names the current kernel package for clouds: small, with virtio and nothing of real hardware. */
const META_PACKAGE = 'linux-image-cloud-amd64';

interface KernelPackage {
  readonly version: string;
  readonly image: Buffer;
  /** Module files by name without their folder, e.g. `virtio_blk.ko`. */
  readonly modules: ReadonlyMap<string, string>;
}

/**
 * Downloads the distribution's kernel package into `work` and unpacks it there, without installing it.
 * FAILED_PRECONDITION on a system without apt, or without a network.
 */
export async function fetchDebianKernel(
  work: string,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<KernelPackage> {
  try {
    progress(`looking for the kernel that ${META_PACKAGE} names`);
    const { stdout } = await run('apt-cache', ['depends', META_PACKAGE], { signal });
    const name = /Depends: (linux-image-[\w.+-]+)/.exec(stdout)?.[1];
    if (name === undefined) {
      throw new Error(`${META_PACKAGE} names no kernel`);
    }
    progress(`downloading ${name}`);
    await run('apt-get', ['download', name], { cwd: work, signal });
    const archive = (await readdir(work)).find((file) => file.endsWith('.deb'));
    if (archive === undefined) {
      throw new Error(`apt-get left no package of ${name}`);
    }
    progress(`unpacking ${archive}`);
    const root = join(work, 'package');
    await mkdir(root);
    await run('dpkg', ['-x', archive, root], { cwd: work, signal });
    return await readPackage(root);
  } catch (cause) {
    throw failedPrecondition(`no kernel from the distribution: ${(cause as Error).message}`, {
      cause,
      hint: 'give the paths of your own as `kernel` and `initramfs`',
    });
  }
}

async function readPackage(root: string): Promise<KernelPackage> {
  const kernel = (await readdir(join(root, 'boot'))).find((file) => file.startsWith('vmlinuz-'));
  if (kernel === undefined) {
    throw new Error('the package has no kernel');
  }
  const version = kernel.slice('vmlinuz-'.length);
  const modules = new Map<string, string>();
  for (const libraries of ['lib/modules', 'usr/lib/modules']) {
    const folder = join(root, libraries, version);
    const files = await readdir(folder, { recursive: true }).catch(() => []);
    for (const file of files) {
      if (/\.ko(\.xz)?$/.test(file)) {
        modules.set(file.slice(file.lastIndexOf('/') + 1), join(folder, file));
      }
    }
  }
  return { version, image: await readFile(join(root, 'boot', kernel)), modules };
}
