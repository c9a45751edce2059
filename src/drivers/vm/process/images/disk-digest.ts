import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BLOCK_BYTES = 64 * 1024;
const ZEROS = Buffer.alloc(BLOCK_BYTES);
/** An extent takes about 120 bytes. */
const MAP_BYTES = 256 * 1024 * 1024;

interface Extent {
  readonly start: number;
  readonly length: number;
  readonly zero: boolean;
}

/** SHA-256 of a disk's bytes without its holes: most of a root disk is free space. */
export async function diskDigest(path: string, signal?: AbortSignal): Promise<string> {
  const { stdout } = await run('qemu-img', ['map', '--output=json', '-f', 'raw', '-U', path], {
    maxBuffer: MAP_BYTES,
    ...(signal === undefined ? {} : { signal }),
  });
  const hash = createHash('sha256');
  const file = await open(path);
  try {
    const { size } = await file.stat();
    hash.update(`${size}\n`);
    const block = Buffer.alloc(BLOCK_BYTES);
    let next = 0;
    for (const { start, length, zero } of JSON.parse(stdout) as Extent[]) {
      if (zero) {
        continue;
      }
      // In whole blocks, so that the exact bounds of the holes do not matter.
      for (let at = Math.max(next, start - (start % BLOCK_BYTES)); at < start + length; at += BLOCK_BYTES) {
        signal?.throwIfAborted();
        const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, at);
        const bytes = block.subarray(0, bytesRead);
        next = at + BLOCK_BYTES;
        if (bytes.equals(ZEROS.subarray(0, bytesRead))) {
          continue;
        }
        hash.update(`${at}\n`).update(bytes);
      }
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}
