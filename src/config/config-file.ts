import { readFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { readFailure } from '../kit/read-failure.js';
import type { ParsedText } from './parsed-text.js';
import type { Problem } from './problem.js';
import { readIni } from './read-ini.js';
import { readToml } from './read-toml.js';
import { quote } from './value-text.js';

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
 * Reads the file that was asked for, else gateway.toml or gateway.ini of `configDir`; undefined when there is none or
 * when it cannot be used, which is then reported.
 *
 * @param asked a path that must exist, with the place that names it
 */
export async function readConfigFile(
  asked: { readonly path: string; readonly place: string } | undefined,
  configDir: string,
  report: (problem: Problem) => void,
): Promise<ConfigFile | undefined> {
  if (asked !== undefined) {
    const path = resolve(asked.path);
    const bytes = await readBytes(path);
    if (bytes instanceof Uint8Array) {
      return await parse(path, bytes, report);
    }
    report({ place: asked.place, message: `cannot read ${quote(path)}: ${bytes.why}` });
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
      message: 'holds gateway.toml and gateway.ini; remove one, or name one by --config',
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
    // A path through something that is no folder leads nowhere, just as a missing one.
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
      message: `the name of a configuration file ends in ${Object.keys(READERS).join(' or ')}`,
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
