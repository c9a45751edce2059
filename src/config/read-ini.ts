import { scanIni } from './ini-lines.js';
import { lineFinder } from './key-lines.js';
import type { ParsedText } from './parsed-text.js';

/** Parses INI: sections are tables, dots in their names go deeper; the parser is loaded by the first call. */
export async function readIni(text: string): Promise<ParsedText> {
  const { parse } = await import('ini');
  const scan = scanIni(text);
  const root = scan.problems.length === 0 ? parse(scan.text) : {};
  return { root, lineOf: lineFinder(scan.lines), form: 'text', problems: scan.problems };
}
