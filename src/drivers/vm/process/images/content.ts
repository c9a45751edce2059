import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import * as zlib from 'node:zlib';
import { failedPrecondition } from '../../../../compute/errors.js';

const GZIP = Buffer.from([0x1f, 0x8b]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Exists in Node 22.15 and later, but not in the types of Node 20. */
const zstd = (zlib as { createZstdDecompress?: () => zlib.Gunzip }).createZstdDecompress;

export const canReadZstd = zstd !== undefined;

async function firstBytes(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A file's bytes, decompressed if they are gzip or zstd, whatever its name. */
export async function openContent(path: string): Promise<AsyncIterable<Buffer>> {
  const magic = await firstBytes(path);
  const file = createReadStream(path);
  function through(unpacker: zlib.Gunzip): AsyncIterable<Buffer> {
    file.on('error', (error) => unpacker.destroy(error));
    return file.pipe(unpacker);
  }

  if (magic.subarray(0, 2).equals(GZIP)) {
    return through(zlib.createGunzip());
  }
  if (!magic.equals(ZSTD)) {
    return file;
  }
  if (zstd !== undefined) {
    return through(zstd());
  }
  file.destroy();
  throw failedPrecondition('a layer is compressed with zstd, which this Node.js cannot read', {
    reason: 'ImageInvalid',
    hint: 'use Node.js 22.15 or later, or an image with gzip layers',
  });
}
