export interface TarFile {
  readonly path: string;
  /** Default '0', a file. */
  readonly type?: '0' | '1' | '2' | '5' | '4' | 'x';
  readonly content?: string;
  readonly target?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;

const header = ({
  path,
  type = '0',
  content = '',
  target = '',
  mode = 0o644,
  uid = 0,
  gid = 0,
}: TarFile): Buffer => {
  const block = Buffer.alloc(512);
  block.write(path, 0, 100);
  block.write(octal(mode, 8), 100);
  block.write(octal(uid, 8), 108);
  block.write(octal(gid, 8), 116);
  block.write(octal(Buffer.byteLength(content), 12), 124);
  block.write(octal(1_700_000_000, 12), 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(target, 157, 100);
  block.write('ustar\0', 257);
  block.write('00', 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
};

/** An archive as a hand would write it, with nothing checked. */
export const writeTar = (files: readonly TarFile[]): Buffer =>
  Buffer.concat([
    ...files.flatMap((file) => {
      const content = Buffer.from(file.content ?? '');
      return [header(file), content, Buffer.alloc((512 - (content.length % 512)) % 512)];
    }),
    Buffer.alloc(1024),
  ]);
