import type { KeyPath } from './check-table.js';

/** The line, from 1, on which a key is set; for a key without its own line, the line of the enclosing table. */
export type LineOf = (path: KeyPath) => number | undefined;

export function lineFinder(lines: ReadonlyMap<string, number>): LineOf {
  return (path) => {
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(lineKey(path.slice(0, length)));
      if (line !== undefined) {
        return line;
      }
    }
    return undefined;
  };
}

export function lineKey(path: KeyPath): string {
  return path.join('\n');
}

/** The first line of every table and key of a TOML text, for messages. Inline tables count as one key. */
export function tomlKeyLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  function record(path: KeyPath, line: number): void {
    const key = lineKey(path);
    if (!lines.has(key)) {
      lines.set(key, line);
    }
  }

  let table: string[] = [];
  let openQuotes: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    if (openQuotes !== undefined) {
      if (raw.includes(openQuotes)) {
        openQuotes = undefined;
      }
      continue;
    }
    openQuotes = unclosedQuotes(raw);
    const line = raw.trim();
    if (line.startsWith('#')) {
      continue;
    }
    if (line.startsWith('[')) {
      table = keyParts(line.slice(0, line.indexOf(']') + 1));
      record(table, index + 1);
    } else if (line.includes('=')) {
      record([...table, ...keyParts(line.slice(0, line.indexOf('=')))], index + 1);
    }
  }
  return lines;
}

function unclosedQuotes(line: string): string | undefined {
  return ['"""', "'''"].find((quotes) => line.split(quotes).length % 2 === 0);
}

function keyParts(text: string): string[] {
  return Array.from(
    text.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g),
    ([, basic, literal, bare]) => basic ?? literal ?? bare ?? '',
  );
}
