import { printable } from './printable.js';

/** Columns as wide as their widest cell, two spaces apart; a newline ends every row. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return columns([header, ...rows]);
}

/** `Name:   value` lines; rows whose value is undefined are left out. */
export function details(rows: readonly (readonly [label: string, value: string | undefined])[]): string {
  const given = rows.filter((row): row is [string, string] => row[1] !== undefined);
  return columns(given.map(([label, value]) => [`${label}:`, value]));
}

function columns(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((row) => width(row[at]))));
  const lines = cells.map((row) =>
    row.map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - width(cell))).join('  '),
  );
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function width(cell = ''): number {
  return [...cell].length;
}
