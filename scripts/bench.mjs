// npm run bench [-- NAME... --runs N --write]: runs bench/NAME.mjs, by default all of them, one after the other.
// --write puts the figures into docs/benchmarks.md, with the machine and the date.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { columns, figure, target, verdict } from '../bench/lib/report.mjs';
import { median } from '../bench/lib/samples.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const DOCUMENT = join(root, 'docs', 'benchmarks.md');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '1' }, write: { type: 'boolean', default: false } },
});

const known = readdirSync(join(root, 'bench'))
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.replace(/\.mjs$/, ''));
const unknown = positionals.find((name) => !known.includes(name));
if (unknown !== undefined) {
  console.error(`bench: there is no bench '${unknown}'; benches: ${known.join(', ')}`);
  process.exit(2);
}

/** The reports of one run; none from a bench that only prints. */
async function runOnce(name) {
  const reports = [];
  const child = fork(join(root, 'bench', `${name}.mjs`), { cwd: root });
  child.on('message', (report) => reports.push({ ...report, load: loadavg()[0] }));
  const [code] = await once(child, 'exit');
  if (code !== 0) {
    console.error(`bench: ${name} ended with ${code}`);
    process.exitCode = 1;
  }
  return reports;
}

/** Several runs of one bench as one: medians of the figures, every run's ratio. */
function merge(reports) {
  return {
    ...reports[0],
    loads: reports.map(({ load }) => load.toFixed(1)),
    rows: reports[0].rows.map((row, i) => {
      const all = reports.map(({ rows }) => rows[i]);
      function middle(key) {
        return row[key] === undefined ? undefined : median(all.map((one) => one[key]));
      }

      return { ...row, ours: middle('ours'), base: middle('base'), ratios: all.map(({ ratio }) => ratio) };
    }),
  };
}

function ratioText({ ratios }) {
  return ratios[0] === undefined ? '' : ratios.map((ratio) => ratio.toFixed(2)).join(', ');
}

function markdown({ name, about, base, loads, rows }) {
  const cells = [
    [about, 'gateway', base ?? '', 'ratio', 'target', ''],
    ...rows.map((row) => [
      row.what,
      figure(row.ours, row.unit),
      figure(row.base, row.unit),
      ratioText(row),
      target(row),
      verdict(row, row.ratios[0] === undefined ? undefined : median(row.ratios)),
    ]),
  ];
  const [head, ...body] = columns(cells);
  const rule = head.map((cell) => '-'.repeat(Math.max(3, cell.length)));
  const table = [head, rule, ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');
  return `\`npm run bench -- ${name}\`, load of the machine at the end of each run: ${loads.join(', ')}\n\n${table}`;
}

function machine() {
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, Node ${process.versions.node}, ${availableParallelism()} cores (${cpus()[0]?.model.trim()}), ${memoryGib} GiB`;
}

function write(name, content) {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [start, end] = [`<!-- figures of ${name}: written by npm run bench -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`docs/benchmarks.md lacks the lines "${start}" and "${end}"`);
  }
  writeFileSync(DOCUMENT, `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`);
}

for (const name of positionals.length > 0 ? positionals : known) {
  const reports = [];
  for (let run = 0; run < Number(values.runs); run++) {
    reports.push(...(await runOnce(name)));
  }
  if (values.write && reports.length > 0) {
    write(name, `${machine()}.\n${markdown(merge(reports))}`);
  }
}
