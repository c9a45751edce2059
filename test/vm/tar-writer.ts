import { encodeTarHeader } from '../../dist/kit/tar/header.js';

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

function header({ path, type = '0', content = '', target = '', mode = 0o644, uid = 0, gid = 0 }: TarFile) {
  return encodeTarHeader({
    name: path,
    prefix: '',
    mode,
    uid,
    gid,
    sizeBytes: Buffer.byteLength(content),
    mtimeSeconds: 1_700_000_000,
    type,
    target,
  });
}

/** An archive as a hand would write it, with nothing checked. */
export function writeTar(files: readonly TarFile[]): Buffer {
  return Buffer.concat([
    ...files.flatMap((file) => {
      const content = Buffer.from(file.content ?? '');
      return [header(file), content, Buffer.alloc((512 - (content.length % 512)) % 512)];
    }),
    Buffer.alloc(1024),
  ]);
}
