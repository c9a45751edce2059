import { lineKey } from './key-lines.js';

/** A syntax error. */
export interface LineProblem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

interface IniLines {
  /** The text with every quoted value as a JSON string, the quoting that the parser handles correctly. */
  readonly text: string;
  readonly lines: ReadonlyMap<string, number>;
  readonly problems: readonly LineProblem[];
}

/** Scans an INI text line by line: finds errors that the parser ignores, and records the lines of keys. */
export function scanIni(text: string): IniLines {
  const scan = new IniScan();
  const out = text.split(/\r\n|\n|\r/).map((line, index) => scan.line(line.trim(), index + 1));
  return { text: out.join('\n'), lines: scan.lines, problems: scan.problems };
}

const NAME = /^[^\s"'[\]\\;#=]+$/;

class IniScan {
  readonly lines = new Map<string, number>();
  readonly problems: LineProblem[] = [];
  private readonly tables = new Set<string>();
  private readonly lists = new Set<string>();
  private section: string[] = [];

  /** The line for the parser; empty when it has no content or an error. */
  line(line: string, number: number): string {
    if (line === '' || line.startsWith(';') || line.startsWith('#')) {
      return '';
    }
    const result = line.startsWith('[') ? this.header(line, number) : this.keyLine(line, number);
    if (typeof result === 'string') {
      return result;
    }
    this.problems.push({ line: number, message: result.complaint });
    return '';
  }

  private header(line: string, number: number): string | { complaint: string } {
    const end = line.indexOf(']');
    const name = line.slice(1, end).trim();
    if (end < 0 || !isBlankOrComment(line.slice(end + 1))) {
      return { complaint: 'a section header is [name], with nothing but a comment after it' };
    }
    const parts = name.split('.');
    if (!parts.every(isName)) {
      return { complaint: 'a section name consists of words separated by dots' };
    }
    this.section = parts;
    for (let length = 1; length <= parts.length; length++) {
      const table = lineKey(parts.slice(0, length));
      if (this.lines.has(table) && !this.tables.has(table)) {
        return {
          complaint: `${parts.slice(0, length).join('.')} is a section here and a value on line ${this.lines.get(table)}`,
        };
      }
      this.tables.add(table);
      if (!this.lines.has(table)) {
        this.lines.set(table, number);
      }
    }
    return `[${name}]`;
  }

  private keyLine(line: string, number: number): string | { complaint: string } {
    const equals = line.indexOf('=');
    if (equals < 0) {
      return { complaint: 'neither a [section], nor key = value, nor a comment' };
    }
    const written = line.slice(0, equals).trim();
    const isList = written.endsWith('[]');
    const key = isList ? written.slice(0, -2) : written;
    if (!isName(key)) {
      return { complaint: 'a key is one word, followed by [] for an item of a list' };
    }
    const path = [...this.section, key];
    const at = lineKey(path);
    const first = this.lines.get(at);
    if (first !== undefined && !(isList && this.lists.has(at))) {
      const what = this.tables.has(at) ? 'a section' : 'set';
      return { complaint: `${path.join('.')} is already ${what} on line ${first}` };
    }
    if (first === undefined) {
      this.lines.set(at, number);
    }
    if (isList) {
      this.lists.add(at);
    }
    const value = normalValue(line.slice(equals + 1).trim());
    return value === undefined
      ? { complaint: `the quoted value of ${path.join('.')} is not closed, or text follows it` }
      : `${written} = ${value}`;
  }
}

function isName(word: string): boolean {
  return NAME.test(word) && word !== '__proto__';
}

function isBlankOrComment(text: string): boolean {
  return /^\s*([;#]|$)/.test(text);
}

/** Regular expressions treat these as line ends, and the parser would drop the whole line. */
const SEPARATORS = /[\u2028\u2029]/;

function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
}

function normalValue(value: string): string | undefined {
  const quote = value[0];
  if (quote === "'") {
    const end = value.indexOf("'", 1);
    if (end < 0 || !isBlankOrComment(value.slice(end + 1))) {
      return undefined;
    }
    return quoted(value.slice(1, end));
  }
  if (quote !== '"') {
    return SEPARATORS.test(value) ? quoted(value) : value;
  }
  const text = /^"(?:[^"\\]|\\.)*"/.exec(value)?.[0];
  if (text === undefined || !isBlankOrComment(value.slice(text.length))) {
    return undefined;
  }
  try {
    return quoted(JSON.parse(text) as string);
  } catch {
    return undefined;
  }
}
