/**
 * One line of a bench: `ours` against `base` in `unit`. `most` or `least` is what the ratio may be; a line without
 * either is for information. `base` undefined: a figure that nothing is compared with.
 */
function ratioOf({ ours, base }) {
  return base === undefined ? undefined : ours / base;
}

export function verdict({ most, least }, ratio) {
  if (ratio === undefined || (most === undefined && least === undefined)) {
    return '';
  }
  return (most === undefined || ratio <= most) && (least === undefined || ratio >= least) ? 'met' : 'MISSED';
}

export function target({ most, least }) {
  if (most !== undefined) {
    return `at most ${most}`;
  }
  return least === undefined ? '' : `at least ${least}`;
}

export function figure(value, unit) {
  return value === undefined
    ? ''
    : `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 3)} ${unit}`;
}

export function columns(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])));
}

/** Prints a bench's table, and hands its lines to `npm run bench` when that started it. */
export function report({ name, about, base, rows }) {
  const lines = rows.map((row) => ({ ...row, ratio: ratioOf(row) }));
  console.log(`\n${name}: ${about}`);
  const head = ['', 'gateway', base ?? '', 'ratio', 'target', ''];
  const cells = lines.map((row) => [
    row.what,
    figure(row.ours, row.unit),
    figure(row.base, row.unit),
    row.ratio?.toFixed(2) ?? '',
    target(row),
    verdict(row, row.ratio),
  ]);
  for (const row of columns([head, ...cells])) {
    console.log(row.join('  ').trimEnd());
  }
  if (process.send === undefined) {
    return;
  }
  process.send({ name, about, base, rows: lines }, () => process.disconnect());
}
