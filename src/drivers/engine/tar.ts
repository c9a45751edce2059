const BLOCK_BYTES = 512;
const TYPE_DIRECTORY = '5';
/** Extended headers that may stand before the entry that they describe. */
const EXTENDED = new Set(['x', 'g', 'L', 'K']);

export interface TarOwner {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

/** An archive that holds one directory: `path` without a leading slash, at most 98 bytes. */
export const directoryTar = (path: string, { uid, gid, mode }: TarOwner): Buffer => {
  const archive = Buffer.alloc(3 * BLOCK_BYTES);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  archive.write(`${path}/`, 0, 100);
  archive.write(octal(mode, 7), 100);
  writeNumber(archive, uid, 108);
  writeNumber(archive, gid, 116);
  archive.write(octal(0, 11), 124);
  archive.write(octal(Math.floor(Date.now() / 1_000), 11), 136);
  // The checksum counts its own field as blanks.
  archive.write(' '.repeat(8), 148);
  archive.write(TYPE_DIRECTORY, 156);
  archive.write('ustar\x0000', 257, 'latin1');
  const sum = archive.subarray(0, BLOCK_BYTES).reduce((total, byte) => total + byte, 0);
  archive.write(`${octal(sum, 6)} `, 148);
  return archive;
};

/** A user number: seven octal digits where they suffice, else GNU's binary form (a set top bit, then big-endian). */
const writeNumber = (archive: Buffer, value: number, at: number): void => {
  if (value < 0o10000000) {
    archive.write(`${value.toString(8).padStart(7, '0')}\0`, at);
    return;
  }
  archive[at] = 0x80;
  archive.writeUInt32BE(value, at + 4);
};

export interface TarEntry extends TarOwner {
  readonly content: Buffer;
}

/**
 * The first entry of an archive as it arrives, with at most `maxContentBytes` of its content; the rest is not read.
 * Undefined when the archive is empty or cut off.
 */
export const firstTarEntry = async (
  source: AsyncIterable<Buffer>,
  maxContentBytes: number,
): Promise<TarEntry | undefined> => {
  let buffer: Buffer = Buffer.alloc(0);
  let skip = 0;
  for await (const chunk of source) {
    buffer = Buffer.concat([buffer, chunk]);
    for (;;) {
      const skipped = Math.min(skip, buffer.length);
      buffer = buffer.subarray(skipped);
      skip -= skipped;
      if (skip > 0 || buffer.length < BLOCK_BYTES) break;
      const size = numberAt(buffer, 124, 12);
      if (EXTENDED.has(String.fromCharCode(buffer[156] as number))) {
        skip = BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
        continue;
      }
      if (buffer[0] === 0) return undefined;
      const wanted = Math.min(size, maxContentBytes);
      if (buffer.length < BLOCK_BYTES + wanted) break;
      return {
        uid: numberAt(buffer, 108, 8),
        gid: numberAt(buffer, 116, 8),
        mode: numberAt(buffer, 100, 8) & 0o7777,
        content: buffer.subarray(BLOCK_BYTES, BLOCK_BYTES + wanted),
      };
    }
  }
  return undefined;
};

const numberAt = (header: Buffer, at: number, length: number): number =>
  (header[at] as number) & 0x80
    ? header.readUInt32BE(at + length - 4)
    : Number.parseInt(header.toString('latin1', at, at + length).replace(/[\0 ]+/g, ''), 8) || 0;
