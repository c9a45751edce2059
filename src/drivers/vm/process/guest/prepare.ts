import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileAgent, shippedAgent } from '../../../../agent/build.js';
import { failedPrecondition } from '../../../../compute/errors.js';
import { fetchDebianKernel } from './debian.js';
import { createInitramfs } from './initramfs.js';
import { unpackKernel } from './kernel.js';

/** The files that a guest boots from. */
export interface GuestFiles {
  readonly kernel: string;
  readonly initramfs: string;
  /** Changes with either file. */
  readonly digest: string;
}

interface Manifest {
  readonly kernelVersion: string;
  readonly digest: string;
}

function pathsIn(directory: string) {
  return {
    kernel: join(directory, 'vmlinux'),
    initramfs: join(directory, 'initramfs'),
    manifest: join(directory, 'manifest.json'),
  };
}

function digestOf(kernel: Buffer, initramfs: Buffer): string {
  return createHash('sha256').update(kernel).update(initramfs).digest('hex').slice(0, 16);
}

/** The output of `prepareGuest` in `directory`; undefined when it has not run. */
export async function preparedGuest(directory: string): Promise<GuestFiles | undefined> {
  const paths = pathsIn(directory);
  try {
    const { digest } = JSON.parse(await readFile(paths.manifest, 'utf8')) as Manifest;
    return { kernel: paths.kernel, initramfs: paths.initramfs, digest };
  } catch {
    return undefined;
  }
}

/** The operator's own files. FAILED_PRECONDITION when one cannot be read. */
export async function givenGuest(kernel: string, initramfs: string): Promise<GuestFiles> {
  try {
    const digest = digestOf(await readFile(kernel), await readFile(initramfs));
    return { kernel, initramfs, digest };
  } catch (cause) {
    throw failedPrecondition(`the guest's kernel or initramfs cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/**
 * Creates kernel and initramfs in `directory`: the distribution's kernel, unpacked, and the agent with the modules it
 * needs. `agent` is the path of a compiled agent; empty: the shipped one, or one compiled now.
 */
export async function prepareGuest(
  directory: string,
  options: {
    readonly agent: string;
    readonly progress: (text: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<GuestFiles> {
  const { progress, signal } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(join(directory, '.prepare-'));
  // apt downloads as a user of its own.
  await chmod(work, 0o755);
  try {
    const fetched = await fetchDebianKernel(work, progress, signal);
    progress('unpacking the kernel');
    const kernel = await unpackKernel(fetched.image, signal);
    const agent = await agentProgram(work, options.agent, progress, signal);
    const initramfs = await createInitramfs(agent, fetched.modules);
    const digest = digestOf(kernel, initramfs);
    const manifest: Manifest = { kernelVersion: fetched.version, digest };
    const drafts = pathsIn(work);
    await writeFile(drafts.kernel, kernel, { mode: 0o444 });
    await writeFile(drafts.initramfs, initramfs, { mode: 0o444 });
    await writeFile(drafts.manifest, `${JSON.stringify(manifest)}\n`);
    const final = pathsIn(directory);
    await rename(drafts.kernel, final.kernel);
    await rename(drafts.initramfs, final.initramfs);
    // The manifest last: it marks the others as complete.
    await rename(drafts.manifest, final.manifest);
    progress(`kernel ${fetched.version} and the agent are ready in ${directory}`);
    return { kernel: final.kernel, initramfs: final.initramfs, digest };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function agentProgram(
  work: string,
  file: string,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<Buffer> {
  if (file !== '') {
    return readFile(file);
  }
  const shipped = await shippedAgent();
  if (shipped !== undefined) {
    return shipped;
  }
  progress('compiling the guest agent');
  const compiled = join(work, 'openshell-agent');
  await compileAgent(compiled, { signal });
  return readFile(compiled);
}
