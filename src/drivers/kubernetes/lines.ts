const NEWLINE = 0x0a;

/** The lines of a byte stream as text; the last one may lack its newline. */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  let rest: Buffer[] = [];
  for await (const chunk of stream) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      rest.push(Buffer.from(chunk.buffer, chunk.byteOffset + from, at - from));
      yield Buffer.concat(rest).toString('utf8');
      rest = [];
      from = at + 1;
    }
    if (from < chunk.length)
      rest.push(Buffer.from(chunk.buffer, chunk.byteOffset + from, chunk.length - from));
  }
  if (rest.length > 0) yield Buffer.concat(rest).toString('utf8');
}
