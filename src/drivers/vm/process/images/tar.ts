import { Code, OpenShellError } from '../../../../compute/errors.js';

export interface TarEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'device' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  /** Of a symbolic or hard link. */
  readonly target: string;
  readonly sizeBytes: number;
  /** The file's bytes; what is not read is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

const BLOCK = 512;
/** Names and extended headers are small; more is an attack. */
const MAX_HEADER_BYTES = 1024 * 1024;
/** What the kernel takes as a path. */
const MAX_PATH_BYTES = 4095;
const MAX_OWNER = 2 ** 32 - 2;
/** What ext4 can keep. */
const MAX_SECONDS = 2 ** 34 - 1;

const broken = (text: string): OpenShellError =>
  new OpenShellError(Code.FAILED_PRECONDITION, `the image is not a whole tar archive: ${text}`, {
    reason: 'ImageInvalid',
  });

/** Takes exact numbers of bytes from a stream of chunks. */
const createSource = (input: AsyncIterable<Buffer>) => {
  const chunks = input[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);

  /** Up to `limit` bytes, at least one; undefined at the end. */
  const some = async (limit: number): Promise<Buffer | undefined> => {
    while (held.length === 0) {
      const next = await chunks.next();
      if (next.done) return undefined;
      held = next.value;
    }
    const part = held.subarray(0, limit);
    held = held.subarray(part.length);
    return part;
  };

  const exactly = async (length: number): Promise<Buffer | undefined> => {
    const parts: Buffer[] = [];
    for (let left = length; left > 0; ) {
      const part = await some(left);
      if (part === undefined) {
        if (parts.length === 0) return undefined;
        throw broken('it ends in the middle of an entry');
      }
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  };
  return { some, exactly };
};

const text = (field: Buffer): string => {
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? field.length : end).toString('utf8');
};

/** An octal number, or GNU's binary form for large ones. */
const numeric = (field: Buffer): number => {
  if (((field[0] as number) & 0x80) !== 0) {
    let value = 0;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    return value;
  }
  const digits = text(field).trim();
  const value = digits === '' ? 0 : Number.parseInt(digits, 8);
  if (!Number.isSafeInteger(value) || value < 0) throw broken('a number cannot be read');
  return value;
};

const checksumHolds = (header: Buffer): boolean => {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] as number);
  return sum === numeric(header.subarray(148, 156));
};

/** The `<length> <key>=<value>\n` records of a pax header. */
const paxRecords = (data: Buffer): Map<string, string> => {
  const records = new Map<string, string>();
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(data.subarray(at, space).toString('latin1'));
    if (!Number.isInteger(length) || length <= space - at || at + length > data.length) {
      throw broken('an extended header cannot be read');
    }
    const record = data.subarray(space + 1, at + length - 1).toString('utf8');
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
};

/** A decimal of an extended header, which may have a fraction; undefined when it has none under this key. */
const decimal = (pax: ReadonlyMap<string, string>, key: string): number | undefined => {
  const written = pax.get(key);
  if (written === undefined) return undefined;
  if (!/^-?\d{1,20}(\.\d{0,20})?$/.test(written)) throw broken(`its ${key} is no number`);
  return Number(written);
};

const owner = (id: number): number => {
  if (!Number.isInteger(id) || id < 0 || id > MAX_OWNER) throw broken('an owner cannot be read');
  return id;
};

const checkedPath = (path: string): string => {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw broken('a path or link is too long');
  if (path.includes('\0')) throw broken('a path or link holds a NUL');
  return path;
};

/** What no file system can keep becomes the nearest that it can. */
const time = (seconds: number): number => Math.round(Math.min(Math.max(seconds, 0), MAX_SECONDS) * 1000);

const TYPES: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
};

/** Reads an uncompressed archive (ustar, GNU, pax) entry by entry. FAILED_PRECONDITION when it is damaged. */
export async function* readTar(input: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const source = createSource(input);
  let longPath: string | undefined;
  let longTarget: string | undefined;
  let pax = new Map<string, string>();
  for (;;) {
    const header = await source.exactly(BLOCK);
    if (header === undefined || header.every((byte) => byte === 0)) return;
    if (!checksumHolds(header)) throw broken('a checksum is wrong');
    const kind = String.fromCharCode(header[156] as number);
    const sizeBytes = decimal(pax, 'size') ?? numeric(header.subarray(124, 136));
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw broken('a size cannot be read');

    if ('LKxg'.includes(kind)) {
      if (sizeBytes > MAX_HEADER_BYTES) throw broken('a header is too long');
      const data = await source.exactly(Math.ceil(sizeBytes / BLOCK) * BLOCK);
      const body = (data ?? Buffer.alloc(0)).subarray(0, sizeBytes);
      if (kind === 'L') longPath = text(body);
      else if (kind === 'K') longTarget = text(body);
      else if (kind === 'x') pax = paxRecords(body);
      continue;
    }

    let left = sizeBytes;
    const content = (async function* () {
      while (left > 0) {
        const part = await source.some(left);
        if (part === undefined) throw broken('it ends in the middle of a file');
        left -= part.length;
        yield part;
      }
    })();
    const isUstar = text(header.subarray(257, 262)) === 'ustar' && header[262] === 0;
    const prefix = isUstar ? text(header.subarray(345, 500)) : '';
    const name = text(header.subarray(0, 100));
    yield {
      path: checkedPath(pax.get('path') ?? longPath ?? (prefix === '' ? name : `${prefix}/${name}`)),
      type: TYPES[kind] ?? 'other',
      mode: numeric(header.subarray(100, 108)) & 0o7777,
      uid: owner(decimal(pax, 'uid') ?? numeric(header.subarray(108, 116))),
      gid: owner(decimal(pax, 'gid') ?? numeric(header.subarray(116, 124))),
      mtimeMs: time(decimal(pax, 'mtime') ?? numeric(header.subarray(136, 148))),
      target: checkedPath(pax.get('linkpath') ?? longTarget ?? text(header.subarray(157, 257))),
      sizeBytes,
      content,
    };
    while (left > 0) left -= (await source.some(left))?.length ?? left;
    await source.exactly((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
    longPath = longTarget = undefined;
    pax = new Map();
  }
}
