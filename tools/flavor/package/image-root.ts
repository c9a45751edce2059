import { gunzipSync } from 'node:zlib';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { readTar, type TarEntry } from './formats/tar.js';

const GZIP_MAGIC = 0x8b1f;

/** The files of an image's layers, in their order; links and folders with them. */
export function imageRoot(archive: Buffer): TarEntry[] {
  const entries = new Map(readTar(archive).map((entry) => [entry.path, entry]));
  function bytes(path: string): Buffer {
    const entry = entries.get(path);
    if (entry?.type !== 'file') {
      throw failedPrecondition(`the image lacks ${path}`);
    }
    return Buffer.from(entry.bytes);
  }

  const [image] = JSON.parse(bytes('manifest.json').toString()) as { Layers: string[] }[];
  return (image?.Layers ?? []).flatMap((path) => {
    const layer = bytes(path);
    return readTar(layer.readUInt16LE(0) === GZIP_MAGIC ? gunzipSync(layer) : layer);
  });
}
