import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { failedPrecondition, type OpenShellError } from '../../../../compute/errors.js';
import type { Ownership } from './unpack.js';

const run = promisify(execFile);

const MIB = 1024 * 1024;
const BUILD_TIMEOUT_MS = 600_000;

function failed(cause: unknown): OpenShellError {
  return failedPrecondition(`the root disk cannot be created: ${(cause as Error).message}`, {
    cause,
    reason: 'RootDiskFailed',
    hint: 'install e2fsprogs, and make sure that the state directory has free space',
  });
}

/**
 * Creates an ext4 file system with the directory's files and `freeBytes` of free space. It has a journal, so that it can
 * be mounted without a check after the guest was killed.
 */
export async function createRootDisk(
  directory: string,
  disk: string,
  options: { readonly contentBytes: number; readonly freeBytes: number; readonly signal: AbortSignal },
): Promise<void> {
  const sizeMib = Math.ceil((options.contentBytes * 1.15 + options.freeBytes) / MIB) + 16;
  const features = ['-t', 'ext4', '-b', '4096', '-m', '0', '-J', 'size=8', '-I', '256'];
  const extended = ['-E', 'lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0'];
  try {
    await run('mke2fs', ['-q', '-F', ...features, ...extended, '-d', directory, disk, `${sizeMib}M`], {
      signal: options.signal,
      timeout: BUILD_TIMEOUT_MS,
    });
  } catch (cause) {
    throw failed(cause);
  }
}

/** debugfs reads lines of less than 8,192 bytes, and treats the rest of a longer one as another command. */
const MAX_LINE_BYTES = 8000;

/** The path in debugfs' syntax; undefined for one that has no such form. */
function quoted(path: string): string | undefined {
  const text = `"${path.replaceAll('"', '""')}"`;
  return text.includes('\n') || Buffer.byteLength(text) > MAX_LINE_BYTES ? undefined : text;
}

/** Sets owners and special modes inside the disk. Paths that debugfs cannot express stay root's. */
export async function setOwnership(
  disk: string,
  ownership: Iterable<Ownership>,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn('debugfs', ['-w', '-f', '-', disk], { stdio: ['pipe', 'ignore', 'ignore'], signal });
  const closed = once(child, 'close');
  closed.catch(() => {});
  child.stdin.on('error', () => {});
  for (const { path, mode, uid, gid } of ownership) {
    const name = quoted(path);
    if (name === undefined) {
      continue;
    }
    const lines = [
      `sif ${name} mode 0${mode.toString(8)}`,
      `sif ${name} uid ${uid}`,
      `sif ${name} gid ${gid}`,
    ];
    if (!child.stdin.write(`${lines.join('\n')}\n`)) {
      await once(child.stdin, 'drain', { signal });
    }
  }
  child.stdin.end('quit\n');
  const [code] = await closed.catch((cause) => {
    throw failed(cause);
  });
  if (code !== 0) {
    throw failed(new Error(`debugfs ended with ${code}`));
  }
}
