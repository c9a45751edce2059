import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openContent } from './content.js';
import { type ImageFiles, imageEntries, invalidImage, NO_CONFIG, readImageDirectory } from './layout.js';

/** The files of an image; an archive without them is a plain root file system. */
const IMAGE_FILE =
  /^(\.\/)?(index\.json|manifest\.json|oci-layout|repositories|blobs\/[\w/]+|[\w-]+\.json|[\w-]+(\/layer)?\.tar|[\w-]+\/(json|VERSION))$/;

/**
 * An archive as an image: an OCI layout, the output of `docker save`, or a root file system, which then is the only
 * layer. Unpacks into `work`.
 */
export async function readArchive(
  path: string,
  work: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<ImageFiles> {
  const directory = join(work, 'archive');
  await mkdir(directory);
  let bytes = 0;
  for await (const entry of imageEntries(await openContent(path))) {
    signal.throwIfAborted();
    const name = entry.path.replace(/^\.\//, '');
    if (entry.type !== 'file' || !IMAGE_FILE.test(entry.path)) {
      continue;
    }
    bytes += entry.sizeBytes;
    if (bytes > maxBytes) {
      throw invalidImage(`it is larger than ${maxBytes} bytes`);
    }
    const target = join(directory, name);
    await mkdir(dirname(target), { recursive: true });
    await pipeline(Readable.from(entry.content), createWriteStream(target, { flags: 'w', mode: 0o600 }), {
      signal,
    });
  }
  const image = await readImageDirectory(directory);
  return image ?? { config: NO_CONFIG, layers: [path] };
}
