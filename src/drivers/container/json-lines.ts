import { Code, OpenShellError } from '../../compute/errors.js';
import { wholeLines } from '../../kit/lines.js';

/** More than any event or progress line of an engine; beyond it the stream is not what it should be. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

/** The values of a stream of JSON lines that `engine` sends, as they come. INTERNAL when it is something else. */
export async function* jsonLines<T>(source: AsyncIterable<Uint8Array>, engine: string): AsyncGenerator<T> {
  function malformed(what: string, cause?: unknown) {
    return new OpenShellError(Code.INTERNAL, `${engine} sent ${what}`, { cause });
  }

  const lines = wholeLines(source, MAX_LINE_BYTES, () => malformed('a line without end'));
  for await (const line of lines) {
    if (line.trim() === '') {
      continue;
    }
    let value: T;
    try {
      value = JSON.parse(line) as T;
    } catch (error) {
      throw malformed('a line that is no JSON', error);
    }
    yield value;
  }
}
