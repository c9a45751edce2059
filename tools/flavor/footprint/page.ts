import type { Measured } from './measure.js';

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const text = [head, ...rows].map((cells) => cells.map(String));
  const widths = head.map((_, column) => Math.max(...text.map((cells) => cells[column]?.length ?? 0)));
  const lines = text.map((cells) => row(cells.map((cell, column) => cell.padEnd(widths[column] ?? 0))));
  return [lines[0], row(widths.map((width) => '-'.repeat(width))), ...lines.slice(1)].join('\n');
}

function licenses(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

/** Figures that do not depend on the machine. */
export function sizeTable(measured: readonly Measured[]): string {
  return table(
    ['flavor', 'parts', 'packages', 'installed MB', 'bundle MB', 'lines', 'install scripts', 'licences'],
    measured.map(({ footprint }) => [
      footprint.flavor,
      [...footprint.drivers, ...footprint.parts].join(', '),
      footprint.packages,
      megabytes(footprint.bytesInstalled),
      megabytes(footprint.bytesBundled),
      footprint.lines,
      footprint.installScripts.join(', ') || 'none',
      licenses(footprint.licenses),
    ]),
  );
}

/** Figures of one machine at one time. */
export function timeTable(measured: readonly Measured[]): string {
  return table(
    [
      'flavor',
      'build s',
      'start to listening ms',
      '--version, folder ms',
      '--version, bundle ms',
      'idle RSS MB',
    ],
    measured.flatMap(({ footprint, times }) =>
      times === undefined
        ? []
        : [
            [
              footprint.flavor,
              (times.buildMs / 1000).toFixed(1),
              Math.round(times.listeningMs),
              Math.round(times.folderVersionMs),
              Math.round(times.bundleVersionMs),
              megabytes(times.idleRssBytes),
            ],
          ],
    ),
  );
}

/** Puts `text` between `<!-- name -->` and `<!-- /name -->`. */
export function between(page: string, name: string, text: string): string {
  return page.replace(
    new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`),
    (_, open: string, close: string) => `${open}\n${text}\n\n${close}`,
  );
}
