import { readTar } from '../../kit/tar/read.js';
import { writeTarBuffer } from '../../kit/tar/write.js';

interface TarOwner {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

/** An archive that holds one directory: `path` without a leading slash. */
export function directoryTar(path: string, owner: TarOwner): Buffer {
  return writeTarBuffer([
    { type: 'directory', path, ...owner, mtimeSeconds: Math.floor(Date.now() / 1_000) },
  ]);
}

export interface FirstEntry extends TarOwner {
  readonly content: Buffer;
}

/**
 * The first entry of an archive as it arrives, with at most `maxContentBytes` of its content; the rest is not read.
 * Undefined when the archive is empty, cut off or damaged.
 */
export async function firstTarEntry(
  source: AsyncIterable<Buffer>,
  maxContentBytes: number,
): Promise<FirstEntry | undefined> {
  try {
    for await (const { uid, gid, mode, content } of readTar(source, { broken: () => new Damaged() })) {
      const parts: Buffer[] = [];
      let left = maxContentBytes;
      for await (const part of content) {
        parts.push(part.subarray(0, left));
        left -= part.length;
        if (left <= 0) {
          break;
        }
      }
      return { uid, gid, mode, content: Buffer.concat(parts) };
    }
  } catch (error) {
    if (!(error instanceof Damaged)) {
      throw error;
    }
  }
  return undefined;
}

class Damaged extends Error {}
