import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failedPrecondition } from '../../../../compute/errors.js';

const run = promisify(execFile);

/** Depends on the current kernel for clouds, which is small and has virtio. */
const META_PACKAGE = 'linux-image-cloud-amd64';

interface KernelPackage {
  readonly version: string;
  readonly image: Buffer;
  /** Paths of modules by file name, e.g. `virtio_blk.ko`. */
  readonly modules: ReadonlyMap<string, string>;
}

/**
 * Downloads the distribution's kernel package into `work` and unpacks it there, without installing it.
 * FAILED_PRECONDITION on a system without apt or a network.
 */
export async function fetchDebianKernel(
  work: string,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<KernelPackage> {
  try {
    progress(`looking up the kernel of ${META_PACKAGE}`);
    const { stdout } = await run('apt-cache', ['depends', META_PACKAGE], { signal });
    const name = /Depends: (linux-image-[\w.+-]+)/.exec(stdout)?.[1];
    if (name === undefined) {
      throw new Error(`${META_PACKAGE} depends on no kernel`);
    }
    progress(`downloading ${name}`);
    await run('apt-get', ['download', name], { cwd: work, signal });
    const archive = (await readdir(work)).find((file) => file.endsWith('.deb'));
    if (archive === undefined) {
      throw new Error(`apt-get did not download ${name}`);
    }
    progress(`unpacking ${archive}`);
    const root = join(work, 'package');
    await mkdir(root);
    await run('dpkg', ['-x', archive, root], { cwd: work, signal });
    return await readPackage(root);
  } catch (cause) {
    throw failedPrecondition(`the distribution's kernel is not available: ${(cause as Error).message}`, {
      cause,
      hint: 'set `kernel` and `initramfs` to your own files',
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
