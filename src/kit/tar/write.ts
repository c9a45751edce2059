import { encodeTarHeader, TAR_BLOCK_BYTES, TAR_NAME_BYTES, TAR_PREFIX_BYTES } from './header.js';

interface Named {
  /** Without a trailing slash. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
}

interface Unfilled extends Named {
  readonly type: 'directory' | 'symlink' | 'hardlink';
  /** Of a link. */
  readonly target?: string;
}

/** An entry with its bytes in memory. */
export type TarFile = Unfilled | (Named & { readonly type: 'file'; readonly bytes: Uint8Array });

/** An entry whose bytes are read on demand, exactly `sizeBytes` of them. */
export type TarStream =
  | Unfilled
  | (Named & {
      readonly type: 'file';
      readonly sizeBytes: number;
      readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
    });

const TYPES = { file: '0', hardlink: '1', symlink: '2', directory: '5' } as const;
const END = Buffer.alloc(2 * TAR_BLOCK_BYTES);

/**
 * A ustar archive in the order given, with pax headers for long names and links: the same entries give the same bytes.
 * Numbers that ustar cannot hold, such as a size of 8 GiB, use GNU's form, which GNU, BSD, Go, Python and busybox read.
 */
export function writeTarBuffer(entries: Iterable<TarFile>): Buffer {
  const blocks: Uint8Array[] = [];
  for (const entry of entries) {
    const bytes = entry.type === 'file' ? entry.bytes : NOTHING;
    blocks.push(...headers(entry, bytes.length), bytes, padding(bytes.length));
  }
  return Buffer.concat([...blocks, END]);
}

/** As `writeTarBuffer`, piece by piece. Throws when a file has more or fewer bytes than declared. */
export async function* writeTar(
  entries: AsyncIterable<TarStream> | Iterable<TarStream>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const entry of entries) {
    if (entry.type !== 'file') {
      yield* headers(entry, 0);
      continue;
    }
    yield* headers(entry, entry.sizeBytes);
    let left = entry.sizeBytes;
    for await (const part of entry.content) {
      left -= part.length;
      if (left < 0) {
        break;
      }
      yield part;
    }
    if (left !== 0) {
      throw new Error(`'${entry.path}' has ${left < 0 ? 'more' : 'fewer'} than ${entry.sizeBytes} bytes`);
    }
    yield padding(entry.sizeBytes);
  }
  yield END;
}

const NOTHING = new Uint8Array();

function padding(bytes: number): Uint8Array {
  return bytes % TAR_BLOCK_BYTES === 0 ? NOTHING : Buffer.alloc(TAR_BLOCK_BYTES - (bytes % TAR_BLOCK_BYTES));
}

function headers(entry: TarFile | TarStream, sizeBytes: number): Uint8Array[] {
  const { mode, uid, gid, mtimeSeconds, type } = entry;
  const path = type === 'directory' ? `${entry.path}/` : entry.path;
  const target = type === 'file' ? '' : (entry.target ?? '');
  const short = split(path);
  const records = [
    ...(short === undefined ? [paxRecord('path', path)] : []),
    ...(Buffer.byteLength(target) > TAR_NAME_BYTES ? [paxRecord('linkpath', target)] : []),
  ];
  const { name, prefix } = short ?? { name: path.slice(-TAR_NAME_BYTES), prefix: '' };
  const blocks: Uint8Array[] = [];
  if (records.length > 0) {
    const body = Buffer.concat(records);
    const about = { name: 'pax', prefix: '', mode: 0o644, target: '', type: 'x', sizeBytes: body.length };
    blocks.push(encodeTarHeader({ ...about, uid, gid, mtimeSeconds }), body, padding(body.length));
  }
  blocks.push(
    encodeTarHeader({ name, prefix, mode, uid, gid, mtimeSeconds, sizeBytes, target, type: TYPES[type] }),
  );
  return blocks;
}

/** Splits a name over ustar's two fields; undefined when it does not fit. */
function split(path: string): { readonly name: string; readonly prefix: string } | undefined {
  if (Buffer.byteLength(path) <= TAR_NAME_BYTES) {
    return { name: path, prefix: '' };
  }
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (
      Buffer.byteLength(prefix) <= TAR_PREFIX_BYTES &&
      Buffer.byteLength(name) <= TAR_NAME_BYTES &&
      name !== ''
    ) {
      return { name, prefix };
    }
  }
  return undefined;
}

/** Begins with its own length, which counts too. */
function paxRecord(key: string, value: string): Buffer {
  const body = ` ${key}=${value}\n`;
  const bodyBytes = Buffer.byteLength(body);
  let length = bodyBytes + 1;
  while (String(length).length + bodyBytes !== length) {
    length = String(length).length + bodyBytes;
  }
  return Buffer.from(`${length}${body}`);
}
