import { lineFinder, tomlKeyLines } from './key-lines.js';
import type { ParsedText } from './parsed-text.js';

/** Parses TOML; the parser is loaded by the first call. */
export async function readToml(text: string): Promise<ParsedText> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    const root = parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: 32 });
    return { root, lineOf: lineFinder(tomlKeyLines(text)), form: 'typed', problems: [] };
  } catch (error) {
    if (!(error instanceof TomlError)) {
      throw error;
    }
    // What follows the first line is an excerpt of the file, which may show a secret.
    const [summary = ''] = error.message.split('\n');
    const message = `${summary.replace(/^Invalid TOML document: /, 'not valid TOML: ')} (column ${error.column})`;
    return { root: {}, lineOf: () => undefined, form: 'typed', problems: [{ line: error.line, message }] };
  }
}
