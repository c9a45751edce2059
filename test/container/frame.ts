/** A piece of output as an engine frames it. */
export function frame(stream: 1 | 2, data: Uint8Array | string): Buffer {
  const bytes = Buffer.from(data as Uint8Array);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}
