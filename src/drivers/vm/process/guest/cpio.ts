import { Buffer } from 'node:buffer';

export interface CpioEntry {
  /** Relative, without a leading slash. */
  readonly path: string;
  /** Type and permission bits, e.g. 0o100755 or 0o040755. */
  readonly mode: number;
  readonly data?: Buffer;
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function header(inode: number, entry: CpioEntry, name: string): string {
  const size = entry.data?.length ?? 0;
  const links = (entry.mode & 0o170000) === 0o040000 ? 2 : 1;
  const fields = [inode, entry.mode, 0, 0, links, 0, size, 0, 0, 0, 0, name.length + 1, 0];
  return `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
}

/** An archive in the "newc" format that the kernel unpacks as its first root. Deterministic. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  [...entries, { path: 'TRAILER!!!', mode: 0 }].forEach((entry, index) => {
    const text = header(index + 1, entry, entry.path) + entry.path;
    const head = Buffer.alloc(padded(Buffer.byteLength(text) + 1));
    head.write(text);
    parts.push(head);
    if (entry.data !== undefined) {
      parts.push(entry.data, Buffer.alloc(padded(entry.data.length) - entry.data.length));
    }
  });
  return Buffer.concat(parts);
}
