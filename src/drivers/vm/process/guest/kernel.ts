import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { failedPrecondition } from '../../../../compute/errors.js';

const ELF_MAGIC = 0x464c457f;
const LZ4_LEGACY_MAGIC = 0x184c2102;
const SETUP_SECTORS_AT = 0x1f1;
const PAYLOAD_OFFSET_AT = 0x248;
const PAYLOAD_LENGTH_AT = 0x24c;
const SECTOR_BYTES = 512;

/**
 * The ELF kernel inside a bzImage, which QEMU starts without the real-mode part (2 s under emulation). Returns the image
 * unchanged if it is an ELF file or not compressed with LZ4.
 */
export async function unpackKernel(image: Buffer, signal: AbortSignal): Promise<Buffer> {
  if (image.length < 0x250) {
    throw failedPrecondition('the kernel image is too short');
  }
  if (image.readUInt32LE(0) === ELF_MAGIC) {
    return image;
  }
  const sectors = (image[SETUP_SECTORS_AT] as number) || 4;
  const start = (sectors + 1) * SECTOR_BYTES + image.readUInt32LE(PAYLOAD_OFFSET_AT);
  const payload = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH_AT));
  if (payload.length < 8 || payload.readUInt32LE(0) !== LZ4_LEGACY_MAGIC) {
    return image;
  }
  // The last four bytes are the unpacked length, which lz4 would read as another block.
  const unpacked = await lz4(payload.subarray(0, payload.length - 4), signal);
  if (unpacked.length < 4 || unpacked.readUInt32LE(0) !== ELF_MAGIC) {
    throw failedPrecondition('the kernel image does not unpack to an ELF file', {
      hint: 'set `kernel` to an uncompressed vmlinux',
    });
  }
  return unpacked;
}

async function lz4(packed: Buffer, signal: AbortSignal): Promise<Buffer> {
  const child = spawn('lz4', ['-d', '-c', '-q'], { stdio: ['pipe', 'pipe', 'ignore'], signal });
  const exited = once(child, 'close').catch((cause) => {
    throw failedPrecondition('the program lz4 cannot be run', { cause, hint: 'install lz4' });
  });
  child.stdin.on('error', () => {});
  child.stdin.end(packed);
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  await exited;
  return Buffer.concat(parts);
}
