// Writes the tables of docs/configuration.md from the built product: `node scripts/config-docs.mjs [--check]`.
// The table of a driver that is not built stays as it is.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

function at(path) {
  return new URL(`../${path}`, import.meta.url);
}

const DOCUMENT = 'docs/configuration.md';

const { describeDriverKeys, describeGatewayKeys } = await import(at('dist/config/describe.js'));
const { KNOWN_DRIVERS } = await import(at('dist/compute/known-parts.js'));

function code(text) {
  return text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``;
}

/** A default as a value, or as words where it is made at the start. */
function fallback(text) {
  return /^(["[{\d]|true$|false$|sqlite:)/.test(text) ? code(text) : text;
}

/** Columns are padded as the formatter pads them. */
function table(keys, head, cells) {
  const rows = [head, head.map(() => ''), ...keys.map((key) => cells(key).map((cell) => cell.trimEnd()))];
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => row[column].length)));
  return rows
    .map((row, i) => row.map((cell, column) => cell.padEnd(widths[column], i === 1 ? '-' : ' ')))
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}

function gatewayTable() {
  return table(
    describeGatewayKeys(),
    ['key', 'type', 'default', 'flag', 'environment', 'what it is'],
    (key) => [
      code(key.key),
      key.type.replaceAll('|', '\\|'),
      fallback(key.default),
      key.flags.map(code).join(', '),
      code(key.env ?? ''),
      key.doc,
    ],
  );
}

function driverTable(entry) {
  const prefix = `openshell.drivers.${entry.name}.`;
  return table(describeDriverKeys(entry), ['key', 'type', 'default', 'what it is'], (key) => [
    code(key.key.slice(prefix.length)),
    key.type.replaceAll('|', '\\|'),
    fallback(key.default),
    key.doc,
  ]);
}

function fill(text, name, content) {
  const [start, end] = [`<!-- keys of ${name}: generated -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`${DOCUMENT} lacks the lines "${start}" and "${end}"`);
  }
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`;
}

const written = readFileSync(at(DOCUMENT), 'utf8');
let text = fill(written, 'gateway', gatewayTable());
for (const { name } of KNOWN_DRIVERS) {
  const path = `dist/drivers/${name}/entry.js`;
  if (existsSync(at(path))) {
    text = fill(text, name, driverTable((await import(at(path))).default));
  }
}
if (process.argv.includes('--check')) {
  if (text !== written) {
    console.error(`${DOCUMENT} is not what the build says; run: node scripts/config-docs.mjs`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(at(DOCUMENT), text);
}
