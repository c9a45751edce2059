import { Code, OpenShellError } from '../../../compute/errors.js';

/** More than any event or progress line of an engine; beyond it the stream is not what it should be. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

/** The values of a stream of JSON lines, as they come. */
export async function* jsonLines<T>(source: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_BYTES) throw malformed('a line without end');
    for (const line of lines) if (line.trim() !== '') yield parse<T>(line);
  }
  if (rest.trim() !== '') yield parse<T>(rest);
}

const parse = <T>(line: string): T => {
  try {
    return JSON.parse(line) as T;
  } catch (error) {
    throw malformed('a line that is no JSON', error);
  }
};

const malformed = (what: string, cause?: unknown) =>
  new OpenShellError(Code.INTERNAL, `Podman sent ${what}`, { cause });
