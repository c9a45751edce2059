import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { flavorNames, readFlavor, specOf } from '../choose/flavor-files.js';
import type { Command } from '../command.js';
import { footprintChart } from '../footprint/chart.js';
import { growth, leftBehind, type Recorded } from '../footprint/compare.js';
import { type Measured, measure } from '../footprint/measure.js';
import { between, sizeTable, timeTable } from '../footprint/page.js';
import { pinnedNode } from '../package/release.js';

const PAGE = 'docs/footprint.md';
const CHART = 'docs/footprint.svg';
const RECORD = 'docs/footprint.json';

function machine(root: string): string {
  const [cpu] = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} x ${cpu?.model.trim() ?? 'CPU'}, ${gibibytes} GiB, Linux ${release()}, Node ${pinnedNode(root).version}`;
}

function write(root: string, measured: readonly Measured[], today: string): void {
  const record: Recorded[] = measured.map(({ footprint, names }) => ({ footprint, names }));
  writeFileSync(join(root, RECORD), `${JSON.stringify(record, null, 2)}\n`);
  writeFileSync(join(root, CHART), footprintChart(measured.map(({ footprint }) => footprint)));
  const page = readFileSync(join(root, PAGE), 'utf8');
  const times = `Measured on ${today}: ${machine(root)}.\n\n${timeTable(measured)}`;
  writeFileSync(join(root, PAGE), between(between(page, 'sizes', sizeTable(measured)), 'times', times));
}

export const footprint: Command = {
  name: 'footprint',
  usage: '[--check]',
  doc: 'Measure every flavor and write docs/footprint.*; --check: fail when one grew beyond its record.',
  flags: ['check'],
  async run({ root, flag, print, progress }) {
    const check = flag('check');
    const measured: Measured[] = [];
    for (const name of flavorNames(root)) {
      measured.push(await measure(root, specOf(readFlavor(root, name)), { timed: !check, progress }));
    }
    if (!check) {
      write(root, measured, new Date().toISOString().slice(0, 10));
      print(`wrote ${PAGE}, ${CHART} and ${RECORD}`);
      return 0;
    }
    const recorded = JSON.parse(readFileSync(join(root, RECORD), 'utf8')) as Recorded[];
    const problems = [...growth(recorded, measured), ...leftBehind(recorded, flavorNames(root))];
    for (const problem of problems) {
      print(problem);
    }
    print(problems.length === 0 ? 'no flavor grew' : 'update the record with: npm run footprint');
    return problems.length === 0 ? 0 : 1;
  },
};
