import { readFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { readFailure } from '../kit/read-failure.js';
import type { Form } from './check-value.js';
import { type LineProblem, scanIni } from './ini-lines.js';
import { type LineOf, lineFinder, tomlKeyLines } from './key-lines.js';
import type { Problem } from './problem.js';
import { quote } from './value-text.js';

/** The text of a file, parsed but not checked. With problems, `root` is empty. */
interface ParsedText {
  readonly root: unknown;
  readonly lineOf: LineOf;
  readonly form: Form;
  readonly problems: readonly LineProblem[];
}

export interface ConfigFile extends Omit<ParsedText, 'problems'> {
  /** Absolute. */
  readonly path: string;
}

const MAX_BYTES = 1024 * 1024;

const READERS: Readonly<Record<string, (text: string) => Promise<ParsedText>>> = {
  '.toml': readToml,
  '.ini': readIni,
};

/**
 * Reads the named file, else gateway.toml or gateway.ini in `configDir`. Undefined when there is none, or when it
 * cannot be used, which is reported.
 *
 * @param named a path that must exist, with the place that names it
 */
export async function readConfigFile(
  named: { readonly path: string; readonly place: string } | undefined,
  configDir: string,
  report: (problem: Problem) => void,
): Promise<ConfigFile | undefined> {
  if (named !== undefined) {
    const path = resolve(named.path);
    const bytes = await readBytes(path);
    if (bytes instanceof Uint8Array) {
      return await parse(path, bytes, report);
    }
    report({ place: named.place, message: `cannot read ${quote(path)}: ${bytes.why}` });
    return undefined;
  }
  const found = await Promise.all(
    ['gateway.toml', 'gateway.ini'].map(async (name) => {
      const path = join(configDir, name);
      return { path, bytes: await readBytes(path) };
    }),
  );
  const read: { path: string; bytes: Uint8Array }[] = [];
  for (const { path, bytes } of found) {
    if (bytes instanceof Uint8Array) {
      read.push({ path, bytes });
    } else if (!bytes.isMissing) {
      report({ place: path, message: `cannot be read: ${bytes.why}` });
      return undefined;
    }
  }
  const [file, another] = read;
  if (another !== undefined) {
    report({
      place: configDir,
      message: 'contains gateway.toml and gateway.ini; remove one, or name one with --config',
    });
    return undefined;
  }
  return file && (await parse(file.path, file.bytes, report));
}

interface Unread {
  readonly isMissing: boolean;
  readonly why: string;
}

async function readBytes(path: string): Promise<Uint8Array | Unread> {
  try {
    return await readFile(path);
  } catch (error) {
    // ENOTDIR: a part of the path is not a folder, so the file does not exist.
    const isMissing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    return { isMissing, why: readFailure(error) };
  }
}

async function parse(
  path: string,
  bytes: Uint8Array,
  report: (problem: Problem) => void,
): Promise<ConfigFile | undefined> {
  const read = READERS[extname(path)];
  if (read === undefined) {
    report({
      place: path,
      message: `the name of a configuration file must end in ${Object.keys(READERS).join(' or ')}`,
    });
    return undefined;
  }
  if (bytes.length > MAX_BYTES) {
    report({ place: path, message: `is larger than ${MAX_BYTES} bytes, too much for a configuration file` });
    return undefined;
  }
  const text = decode(bytes);
  if (text === undefined) {
    report({ place: path, message: 'is not UTF-8 text' });
    return undefined;
  }
  const { problems, ...parsed } = await read(text);
  for (const { line, message } of problems) {
    report({ place: `${path}:${line}`, message });
  }
  return problems.length === 0 ? { path, ...parsed } : undefined;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Loads the parser at the first call, as `readToml` does. */
async function readIni(text: string): Promise<ParsedText> {
  const { parse } = await import('ini');
  const scan = scanIni(text);
  const root = scan.problems.length === 0 ? parse(scan.text) : {};
  return { root, lineOf: lineFinder(scan.lines), form: 'text', problems: scan.problems };
}

async function readToml(text: string): Promise<ParsedText> {
  const { parse, TomlError } = await import('smol-toml');
  try {
    const root = parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: 32 });
    return { root, lineOf: lineFinder(tomlKeyLines(text)), form: 'typed', problems: [] };
  } catch (error) {
    if (!(error instanceof TomlError)) {
      throw error;
    }
    // Only the first line: the others are an excerpt of the file, which may contain a secret.
    const [summary = ''] = error.message.split('\n');
    const message = `${summary.replace(/^Invalid TOML document: /, 'not valid TOML: ')} (column ${error.column})`;
    return { root: {}, lineOf: () => undefined, form: 'typed', problems: [{ line: error.line, message }] };
  }
}
