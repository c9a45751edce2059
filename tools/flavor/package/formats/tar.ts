import { failedPrecondition } from '../../../../dist/compute/errors.js';

/** One entry of an archive. */
export type TarEntry = {
  /** Without a leading slash; a folder without a trailing one. */
  readonly path: string;
  /** Permission bits. Default: 0644, 0755 for a folder. */
  readonly mode?: number;
  /** Default: 0. */
  readonly owner?: number;
} & (
  | { readonly type: 'file'; readonly bytes: Uint8Array }
  | { readonly type: 'folder' }
  | { readonly type: 'link'; readonly target: string }
);

const BLOCK = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
const TYPE = { file: '0', link: '2', folder: '5' } as const;

const field = (header: Buffer, offset: number, length: number, text: string): void => {
  header.write(text, offset, length, 'utf8');
};

const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;

const padded = (bytes: Uint8Array): Uint8Array[] => {
  const rest = bytes.length % BLOCK;
  return rest === 0 ? [bytes] : [bytes, Buffer.alloc(BLOCK - rest)];
};

/** A name over two fields as ustar has them; undefined when it does not fit. */
const split = (path: string): { readonly name: string; readonly prefix: string } | undefined => {
  if (Buffer.byteLength(path) <= NAME_BYTES) return { name: path, prefix: '' };
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= PREFIX_BYTES && Buffer.byteLength(name) <= NAME_BYTES && name !== '') {
      return { name, prefix };
    }
  }
  return undefined;
};

interface Header {
  readonly name: string;
  readonly prefix: string;
  readonly mode: number;
  readonly owner: number;
  readonly size: number;
  readonly epochSeconds: number;
  readonly type: string;
  readonly target: string;
}

const writeHeader = (header: Header): Buffer => {
  const block = Buffer.alloc(BLOCK);
  field(block, 0, NAME_BYTES, header.name);
  field(block, 100, 8, octal(header.mode, 8));
  field(block, 108, 8, octal(header.owner, 8));
  field(block, 116, 8, octal(header.owner, 8));
  field(block, 124, 12, octal(header.size, 12));
  field(block, 136, 12, octal(header.epochSeconds, 12));
  field(block, 148, 8, '        ');
  field(block, 156, 1, header.type);
  field(block, 157, NAME_BYTES, header.target);
  field(block, 257, 8, 'ustar\x0000');
  field(block, 345, PREFIX_BYTES, header.prefix);
  let sum = 0;
  for (const byte of block) sum += byte;
  field(block, 148, 8, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
};

/** A pax record says its own length. */
const paxRecord = (key: string, value: string): Buffer => {
  const body = ` ${key}=${value}\n`;
  const bodyBytes = Buffer.byteLength(body);
  let length = bodyBytes + 1;
  while (String(length).length + bodyBytes !== length) length = String(length).length + bodyBytes;
  return Buffer.from(`${length}${body}`);
};

const entryBlocks = (entry: TarEntry, epochSeconds: number): Uint8Array[] => {
  const path = entry.type === 'folder' ? `${entry.path}/` : entry.path;
  const bytes = entry.type === 'file' ? entry.bytes : new Uint8Array();
  const short = split(path);
  const { name, prefix } = short ?? { name: path.slice(-NAME_BYTES), prefix: '' };
  const shared = { epochSeconds, owner: entry.owner ?? 0 };
  const blocks: Uint8Array[] = [];
  if (short === undefined) {
    const record = paxRecord('path', path);
    const header = {
      ...shared,
      name: 'pax',
      prefix: '',
      mode: 0o644,
      type: 'x',
      target: '',
      size: record.length,
    };
    blocks.push(writeHeader(header), ...padded(record));
  }
  const mode = entry.mode ?? (entry.type === 'file' ? 0o644 : entry.type === 'link' ? 0o777 : 0o755);
  const target = entry.type === 'link' ? entry.target : '';
  blocks.push(
    writeHeader({ ...shared, name, prefix, mode, type: TYPE[entry.type], target, size: bytes.length }),
  );
  blocks.push(...padded(bytes));
  return blocks;
};

/** A ustar archive in the order given, with pax headers for long names: the same entries give the same bytes. */
export const writeTar = (entries: readonly TarEntry[], epochSeconds: number): Buffer =>
  Buffer.concat([...entries.flatMap((entry) => entryBlocks(entry, epochSeconds)), Buffer.alloc(2 * BLOCK)]);

const text = (block: Buffer, offset: number, length: number): string => {
  const raw = block.subarray(offset, offset + length);
  const end = raw.indexOf(0);
  return raw.subarray(0, end === -1 ? length : end).toString();
};

/** The entries of an archive that `writeTar` made. */
export const readTar = (archive: Buffer): TarEntry[] => {
  const entries: TarEntry[] = [];
  let longPath: string | undefined;
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0; ) {
    const header = archive.subarray(at, at + BLOCK);
    const size = Number.parseInt(text(header, 124, 12), 8);
    if (!(size >= 0 && at + BLOCK + size <= archive.length)) {
      throw failedPrecondition(`the archive is damaged at byte ${at}: an entry of ${size} bytes`);
    }
    const bytes = archive.subarray(at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const type = text(header, 156, 1);
    if (type === 'x') {
      longPath = / path=(.*)\n/.exec(bytes.toString())?.[1];
      continue;
    }
    const prefix = text(header, 345, PREFIX_BYTES);
    const short = text(header, 0, NAME_BYTES);
    const path = (longPath ?? (prefix === '' ? short : `${prefix}/${short}`)).replace(/\/$/, '');
    longPath = undefined;
    const mode = Number.parseInt(text(header, 100, 8), 8);
    if (type === TYPE.folder) entries.push({ type: 'folder', path, mode });
    else if (type === TYPE.link)
      entries.push({ type: 'link', path, mode, target: text(header, 157, NAME_BYTES) });
    else entries.push({ type: 'file', path, mode, bytes });
  }
  return entries;
};
