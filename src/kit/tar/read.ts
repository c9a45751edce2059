import { decodeTarHeader, TAR_BLOCK_BYTES, type TarHeader, tarText } from './header.js';

interface TarInfo {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'device' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  /** Of a symbolic or hard link; else usually ''. */
  readonly target: string;
  readonly sizeBytes: number;
}

export interface TarEntry extends TarInfo {
  /** The file's bytes; what is not read is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

export interface TarLimits {
  /** Of one extended header. Default: 1 MiB; real ones are small, a larger one is an attack. */
  readonly maxHeaderBytes?: number;
  /** Of a path or a link's target. Default: 4095, the kernel's limit. */
  readonly maxPathBytes?: number;
  /** The error for an archive that is damaged or exceeds a limit; `why` is 'it ...' or 'a ...'. Default: Error. */
  readonly broken?: (why: string) => Error;
}

/**
 * Reads an uncompressed archive (ustar, GNU, pax) entry by entry, buffering no more than a header. Limiting the number
 * of entries and bytes is up to the caller. Leaving early does not end the input.
 */
export async function* readTar(
  input: AsyncIterable<Buffer>,
  limits: TarLimits = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const headers = createHeaders(limits);
  const source = createSource(input, headers.broken);
  for (;;) {
    const block = await source.exactly(TAR_BLOCK_BYTES);
    const header = block && headers.read(block);
    if (header === undefined) {
      return;
    }
    if (header.extends) {
      const body = await source.exactly(header.sizeBytes + padding(header.sizeBytes));
      headers.extend(header.type, (body ?? Buffer.alloc(0)).subarray(0, header.sizeBytes));
      continue;
    }
    const info = headers.entry(header);
    let left = info.sizeBytes;
    const content = (async function* () {
      while (left > 0) {
        const part = await source.some(left);
        if (part === undefined) {
          throw headers.broken('it ends in the middle of a file');
        }
        left -= part.length;
        yield part;
      }
    })();
    yield { ...info, content };
    while (left > 0) {
      left -= (await source.some(left))?.length ?? left;
    }
    await source.exactly(padding(info.sizeBytes));
  }
}

/** The entries of an archive in memory; they share its bytes. */
export function readTarBuffer(
  archive: Buffer,
  limits: TarLimits = {},
): (TarInfo & { readonly bytes: Buffer })[] {
  const headers = createHeaders(limits);
  const entries: (TarInfo & { readonly bytes: Buffer })[] = [];
  let at = 0;
  function take(length: number): Buffer {
    if (at + length > archive.length) {
      throw headers.broken('it ends in the middle of an entry');
    }
    const taken = archive.subarray(at, at + length);
    at += length;
    return taken;
  }

  while (at < archive.length) {
    const header = headers.read(take(TAR_BLOCK_BYTES));
    if (header === undefined) {
      break;
    }
    const bytes = take(header.sizeBytes);
    take(Math.min(padding(header.sizeBytes), archive.length - at));
    if (header.extends) {
      headers.extend(header.type, bytes);
    } else {
      entries.push({ ...headers.entry(header), bytes });
    }
  }
  return entries;
}

function padding(bytes: number): number {
  return (TAR_BLOCK_BYTES - (bytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}

/** Long path, long link, pax header of the next entry, pax header of all entries. */
const EXTENSIONS = 'LKxg';
const MAX_OWNER = 2 ** 32 - 2;
/** The latest time that ext4 can store. */
const MAX_SECONDS = 2 ** 34 - 1;

const TYPES: Readonly<Record<string, TarInfo['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
};

/** Reads headers together with the extended ones that precede them. */
function createHeaders(limits: TarLimits) {
  const { maxHeaderBytes = 1024 * 1024, maxPathBytes = 4095 } = limits;
  const broken = limits.broken ?? ((why: string) => new Error(`not a complete tar archive: ${why}`));
  let longPath: string | undefined;
  let longTarget: string | undefined;
  let pax: ReadonlyMap<string, string> = new Map();

  /** A decimal of an extended header, which may have a fraction. */
  function decimal(key: string): number | undefined {
    const written = pax.get(key);
    if (written === undefined) {
      return undefined;
    }
    if (!/^-?\d{1,20}(\.\d{0,20})?$/.test(written)) {
      throw broken(`its ${key} is not a number`);
    }
    return Number(written);
  }

  function owner(id: number): number {
    if (!Number.isInteger(id) || id < 0 || id > MAX_OWNER) {
      throw broken('an owner cannot be read');
    }
    return id;
  }

  function checkedPath(path: string): string {
    if (Buffer.byteLength(path) > maxPathBytes) {
      throw broken('a path or link is too long');
    }
    if (path.includes('\0')) {
      throw broken('a path or link contains a NUL');
    }
    return path;
  }

  return {
    broken,
    /** Undefined at the archive's end. `extends`: it describes the next entry, and its body goes to `extend`. */
    read(block: Buffer): (TarHeader & { readonly extends: boolean }) | undefined {
      if (block.every((byte) => byte === 0)) {
        return undefined;
      }
      const header = decodeTarHeader(block);
      if (header === undefined) {
        throw broken('a checksum is wrong');
      }
      const isExtension = EXTENSIONS.includes(header.type);
      const sizeBytes = decimal('size') ?? header.sizeBytes;
      if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
        throw broken('a size cannot be read');
      }
      if (isExtension && sizeBytes > maxHeaderBytes) {
        throw broken('a header is too long');
      }
      return { ...header, sizeBytes, extends: isExtension };
    },
    extend(type: string, body: Buffer): void {
      if (type === 'L') {
        longPath = tarText(body);
      } else if (type === 'K') {
        longTarget = tarText(body);
      } else if (type === 'x') {
        pax = paxRecords(body, broken);
      }
    },
    entry(header: TarHeader): TarInfo {
      const { name, prefix, target, sizeBytes } = header;
      const seconds = decimal('mtime') ?? header.mtimeSeconds;
      if (Number.isNaN(header.mode) || Number.isNaN(seconds)) {
        throw broken('a number cannot be read');
      }
      const info = {
        path: checkedPath(pax.get('path') ?? longPath ?? (prefix === '' ? name : `${prefix}/${name}`)),
        type: TYPES[header.type] ?? 'other',
        mode: header.mode & 0o7777,
        uid: owner(decimal('uid') ?? header.uid),
        gid: owner(decimal('gid') ?? header.gid),
        // Clamped to what file systems can store.
        mtimeMs: Math.round(Math.min(Math.max(seconds, 0), MAX_SECONDS) * 1000),
        target: checkedPath(pax.get('linkpath') ?? longTarget ?? target),
        sizeBytes,
      };
      longPath = longTarget = undefined;
      pax = new Map();
      return info;
    },
  };
}

/** The `<length> <key>=<value>\n` records of a pax header. */
function paxRecords(data: Buffer, broken: (why: string) => Error): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(data.toString('latin1', at, space));
    if (!Number.isInteger(length) || length <= space - at || at + length > data.length) {
      throw broken('an extended header cannot be read');
    }
    const record = data.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

/** Takes exact numbers of bytes from a stream of chunks. */
function createSource(input: AsyncIterable<Buffer>, broken: (why: string) => Error) {
  const chunks = input[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);

  /** Up to `limit` bytes, at least one; undefined at the end. */
  async function some(limit: number): Promise<Buffer | undefined> {
    while (held.length === 0) {
      const next = await chunks.next();
      if (next.done) {
        return undefined;
      }
      held = next.value;
    }
    const part = held.subarray(0, limit);
    held = held.subarray(part.length);
    return part;
  }

  async function exactly(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0; ) {
      const part = await some(left);
      if (part === undefined) {
        if (parts.length === 0) {
          return undefined;
        }
        throw broken('it ends in the middle of an entry');
      }
      parts.push(part);
      left -= part.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  return { some, exactly };
}
