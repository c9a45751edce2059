import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { flavorNames } from '../../dist-tools/flavor/choose/flavor-files.js';
import { ROOT } from './checkout.js';

const workflow = readFileSync(join(ROOT, '.github/workflows/ci.yml'), 'utf8');

test('the matrix has every flavor of the repository and every Node that we promise', () => {
  const list = (key: string) => new RegExp(`^ +${key}: \\[(.*)\\]$`, 'm').exec(workflow)?.[1]?.split(', ');
  assert.deepEqual(list('flavor')?.sort(), flavorNames(ROOT));
  assert.deepEqual(list('node'), ['20', '22', '24']);
});

test('its jobs call nothing that .ci/run does not call', () => {
  const local = readFileSync(join(ROOT, '.ci/run'), 'utf8');
  const commands = [...workflow.matchAll(/- run: (.*)$/gm)].map(([, command = '']) => command);
  assert.ok(commands.length > 0);
  for (const command of commands) {
    const name = command
      .replace(/ --flavor .*$/, '')
      .replace(/ -- *$/, '')
      .trim();
    assert.ok(local.includes(name), `.ci/run does not call: ${name}`);
  }
});
