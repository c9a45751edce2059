import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { footprintChart } from '../../dist-tools/flavor/footprint/chart.js';
import { growth, leftBehind, type Recorded } from '../../dist-tools/flavor/footprint/compare.js';
import { between } from '../../dist-tools/flavor/footprint/page.js';
import { ROOT } from './checkout.js';

const record: Recorded = {
  footprint: {
    flavor: 'docker',
    drivers: ['docker'],
    parts: ['store-sqlite'],
    packages: 2,
    bytesInstalled: 1_000_000,
    bytesBundled: 100_000,
    lines: 5_000,
    installScripts: ['a'],
    licenses: { MIT: 2 },
  },
  names: ['@scope/a@1.0.0', 'b@1.0.0'],
};
function changed(footprint: Partial<Recorded['footprint']>, names = record.names): Recorded {
  return {
    footprint: { ...record.footprint, ...footprint },
    names,
  };
}

test('growth up to 2 % passes, and so do shrinking and a new version', () => {
  assert.deepEqual(growth([record], [changed({ lines: 5_100, bytesInstalled: 1_020_000 })]), []);
  assert.deepEqual(growth([record], [changed({ lines: 1 }, ['@scope/a@2.0.0'])]), []);
});

test('more lines, more bytes, a package gained and an install script gained are each named', () => {
  const bigger = changed({ lines: 5_101, bytesBundled: 102_001, installScripts: ['a', 'c'] }, [
    ...record.names,
    '@x/c@1.0.0',
  ]);
  assert.deepEqual(growth([record], [bigger]), [
    'docker: bytesBundled grew from 100000 to 102001',
    'docker: lines grew from 5000 to 5101',
    'docker: gained the package @x/c@1.0.0',
    'docker: gained an install script, of c',
  ]);
});

test('a flavor that is new or gone is named', () => {
  assert.deepEqual(growth([], [record]), ['docker: is not in the record']);
  assert.deepEqual(leftBehind([record], ['podman']), ['docker: is in the record and not in the repository']);
});

test('the page keeps what stands outside of its markers', () => {
  const page = 'before\n<!-- sizes -->\nold\n<!-- /sizes -->\nafter\n';
  assert.equal(
    between(page, 'sizes', 'new $1'),
    'before\n<!-- sizes -->\n\nnew $1\n\n<!-- /sizes -->\nafter\n',
  );
});

test('the chart has two bars a flavor, and the committed one is of the committed record', () => {
  const committed = JSON.parse(readFileSync(join(ROOT, 'docs/footprint.json'), 'utf8')) as Recorded[];
  const chart = footprintChart(committed.map(({ footprint }) => footprint));
  assert.equal(chart.match(/rx="2"/g)?.length, committed.length * 2);
  assert.equal(chart, readFileSync(join(ROOT, 'docs/footprint.svg'), 'utf8'));
});
