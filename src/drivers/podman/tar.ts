const BLOCK_BYTES = 512;

/** A tar archive that holds one directory: `path` without a leading slash, at most 98 bytes. */
export const directoryTar = (path: string, mode: number): Buffer => {
  const archive = Buffer.alloc(3 * BLOCK_BYTES);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  const modifiedSeconds = Math.floor(Date.now() / 1_000);
  archive.write(`${path}/`, 0, 100);
  archive.write(octal(mode, 7), 100);
  archive.write(octal(0, 7), 108);
  archive.write(octal(0, 7), 116);
  archive.write(octal(0, 11), 124);
  archive.write(octal(modifiedSeconds, 11), 136);
  // The checksum counts its own field as blanks.
  archive.write(' '.repeat(8), 148);
  archive.write('5', 156);
  archive.write('ustar\x0000', 257, 'latin1');
  const sum = archive.subarray(0, BLOCK_BYTES).reduce((total, byte) => total + byte, 0);
  archive.write(`${octal(sum, 6)} `, 148);
  return archive;
};
