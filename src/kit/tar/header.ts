/** Archives consist of blocks of this size; file content is padded with zeros. */
export const TAR_BLOCK_BYTES = 512;
export const TAR_NAME_BYTES = 100;
export const TAR_PREFIX_BYTES = 155;

/** Offset and length of each field in a header block. */
const FIELD = {
  name: [0, TAR_NAME_BYTES],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  target: [157, TAR_NAME_BYTES],
  magic: [257, 6],
  prefix: [345, TAR_PREFIX_BYTES],
} as const;

/** One header block, without the extended headers that may precede it. */
export interface TarHeader {
  readonly name: string;
  /** Precedes the name, with a slash between. */
  readonly prefix: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  /** The letter of the entry's type. */
  readonly type: string;
  readonly target: string;
}

/** Truncates what is too long for its field. Numbers too large for octal digits use GNU's binary form. */
export function encodeTarHeader(header: TarHeader): Buffer {
  const block = Buffer.alloc(TAR_BLOCK_BYTES);
  function write([offset, length]: readonly [number, number], text: string) {
    return block.write(text, offset, length, 'utf8');
  }

  write(FIELD.name, header.name);
  writeNumber(block, FIELD.mode, header.mode);
  writeNumber(block, FIELD.uid, header.uid);
  writeNumber(block, FIELD.gid, header.gid);
  writeNumber(block, FIELD.size, header.sizeBytes);
  writeNumber(block, FIELD.mtime, header.mtimeSeconds);
  write(FIELD.type, header.type);
  write(FIELD.target, header.target);
  write([257, 8], 'ustar\x0000');
  write(FIELD.prefix, header.prefix);
  write(FIELD.checksum, `${checksum(block).toString(8).padStart(6, '0')}\0 `);
  return block;
}

function writeNumber(block: Buffer, [offset, length]: readonly [number, number], value: number): void {
  const digits = value.toString(8);
  if (digits.length < length) {
    block.write(`${digits.padStart(length - 1, '0')}\0`, offset, length, 'latin1');
    return;
  }
  let rest = value;
  for (let at = offset + length - 1; at > offset; at--) {
    block[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  block[offset] = 0x80;
}

/** Undefined when its checksum is wrong. A number that cannot be read is NaN. */
export function decodeTarHeader(block: Buffer): TarHeader | undefined {
  function text([offset, length]: readonly [number, number]) {
    return tarText(block.subarray(offset, offset + length));
  }

  function number([offset, length]: readonly [number, number]) {
    return readNumber(block.subarray(offset, offset + length));
  }

  if (number(FIELD.checksum) !== checksum(block)) {
    return undefined;
  }
  return {
    name: text(FIELD.name),
    prefix: text(FIELD.magic) === 'ustar' ? text(FIELD.prefix) : '',
    mode: number(FIELD.mode),
    uid: number(FIELD.uid),
    gid: number(FIELD.gid),
    sizeBytes: number(FIELD.size),
    mtimeSeconds: number(FIELD.mtime),
    type: String.fromCharCode(block[FIELD.type[0]] as number),
    target: text(FIELD.target),
  };
}

/** Octal digits or GNU's binary form; NaN when it is neither. */
function readNumber(field: Buffer): number {
  if (((field[0] as number) & 0x80) !== 0) {
    let value = 0;
    for (const byte of field.subarray(1)) {
      value = value * 256 + byte;
    }
    return value;
  }
  const digits = tarText(field).trim();
  const value = digits === '' ? 0 : Number.parseInt(digits, 8);
  return Number.isSafeInteger(value) && value >= 0 ? value : Number.NaN;
}

/** A field's text: up to its first NUL. */
export function tarText(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

/** The checksum counts its own field as blanks. */
function checksum(block: Buffer): number {
  const [offset, length] = FIELD.checksum;
  let sum = 0;
  for (let i = 0; i < TAR_BLOCK_BYTES; i++) {
    sum += i >= offset && i < offset + length ? 0x20 : (block[i] as number);
  }
  return sum;
}
