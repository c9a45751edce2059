import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { KNOWN_DRIVERS } from '../../dist/compute/known-parts.js';
import { knownProjects, partProjects } from '../../dist-tools/flavor/choose/projects.js';
import { type Checkout, openCheckout, ROOT } from './checkout.js';
import { type Row, unmet, widened } from './pairwise.js';
import { subsets } from './subsets.js';

const EXIT_NOT_IN_BUILD = 3;
const EXIT_UNKNOWN = 4;
const EXIT_NONE_FOUND = 6;
const START_TIMEOUT_MS = 60_000;
const STUB = pathToFileURL(join(import.meta.dirname, 'stub-probes.js')).href;

let checkout: Checkout;
before(() => {
  checkout = openCheckout();
});
after(() => checkout.remove());

/** Of the table, those whose source is here: in the order of auto-detection. */
const drivers = knownProjects(ROOT).map(({ name }) => name);
/** Of a compiled build's drivers, those that auto-detection may choose. */
async function autoDetected(set: readonly string[]): Promise<string[]> {
  const entries = await Promise.all(
    set.map(async (name) => (await import(join(checkout.root, `dist/drivers/${name}/entry.js`))).default),
  );
  return entries.filter(({ autoDetect }) => autoDetect).map(({ name }) => name);
}

function stubs(ready: readonly string[]) {
  return {
    STUB_BUILD: join(checkout.root, 'dist/drivers.js'),
    STUB_READY: ready.join(','),
  };
}

/** Starts the gateway with stubbed engines, reads which drivers it says it runs, and ends it. */
async function startedWith(ready: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, ['--import', STUB, 'dist/main.js', '--port', '0'], {
    cwd: checkout.root,
    env: { PATH: process.env.PATH, HOME: checkout.root, ...stubs(ready) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  let text = '';
  for await (const chunk of child.stderr.setEncoding('utf8')) {
    text += chunk;
    if (!child.killed && /"listening on .*\n/.test(text)) {
      child.kill('SIGTERM');
    }
  }
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit');
  }
  clearTimeout(timer);
  const started = /"drivers":"([^"]*)"/.exec(text)?.[1];
  assert.ok(started !== undefined && child.exitCode === 0, `exit code ${child.exitCode}\n${text}`);
  return started;
}

async function absentErrors(flavor: string, absent: readonly string[]): Promise<void> {
  const configured = await Promise.all(
    absent.map((name) => checkout.node(['dist/main.js', '--port', '0', '--drivers', name])),
  );
  for (const [index, { status, stderr }] of configured.entries()) {
    const known = KNOWN_DRIVERS.find(({ name }) => name === absent[index]);
    assert.equal(status, EXIT_NOT_IN_BUILD, stderr);
    assert.match(
      stderr,
      new RegExp(
        `'${known?.name}' is configured but not in this build; this build is the flavor '${flavor}'`,
      ),
    );
    assert.ok(stderr.includes(`'${known?.command}'`), stderr);
  }
}

/** Parts that a build may have or lack. It needs a store, so the only one is no choice. */
const optional = partProjects(ROOT)
  .filter(({ kind }) => kind !== 'driver' && kind !== 'store')
  .map(({ word }) => word);
function rowOf(set: readonly string[]): Row {
  return new Map(drivers.map((driver) => [driver, set.includes(driver)]));
}

const sets = subsets(drivers).filter((set) => set.length > 0);
const rows = widened(sets.map(rowOf), optional);

test('every set of drivers is swept, and every pair of parts meets both in, both out, and one of them in', () => {
  const possible = sets.flatMap((set) =>
    subsets(optional).map(
      (more) => new Map([...rowOf(set), ...optional.map((word) => [word, more.includes(word)] as const)]),
    ),
  );
  assert.equal(sets.length, 2 ** drivers.length - 1);
  assert.deepEqual(unmet(rows, possible), []);
  assert.notDeepEqual(unmet(rows.slice(0, 3), possible), [], 'the search finds what is missing');
});

for (const row of rows) {
  const chosen = (words: readonly string[]): string[] => words.filter((word) => row.get(word) === true);
  const set = chosen(drivers);
  const more = chosen(optional);
  const sorted = [...set].sort();
  test(`${[...sorted, ...more].join(', ')}: compiles, starts, and is what it says`, async () => {
    const name = `sweep-${set.join('-')}`;
    const less = optional.filter((word) => !more.includes(word));
    const written = await checkout.flavor(
      ...[...set, '--name', name],
      ...(more.length === 0 ? [] : ['--with', more.join(',')]),
      ...(less.length === 0 ? [] : ['--without', less.join(',')]),
    );
    assert.equal(written.status, 0, written.stderr);
    const built = await checkout.compile(`tsconfig.${name}.json`);
    assert.equal(built.status, 0, built.stdout);

    const auto = await autoDetected(set);
    const absent = KNOWN_DRIVERS.map((known) => known.name).filter((driver) => !set.includes(driver));
    const [version, listed, detected, none] = await Promise.all([
      checkout.node(['dist/main.js', '--version', '--json']),
      checkout.node(['--import', STUB, 'dist/main.js', 'drivers', '--json'], stubs(set)),
      checkout.node([join(import.meta.dirname, 'detected.js'), join(checkout.root, 'dist')]),
      checkout.node(['--import', STUB, 'dist/main.js', '--port', '0'], stubs([])),
      absentErrors(name, absent),
    ]);
    const info = JSON.parse(version.stdout);
    assert.deepEqual([info.flavor, info.drivers, info.parts], [name, sorted, ['store-sqlite', ...more]]);

    const states = Object.fromEntries(
      JSON.parse(listed.stdout).drivers.map((driver: { name: string; state: string }) => [
        driver.name,
        driver.state,
      ]),
    );
    assert.deepEqual(
      states,
      Object.fromEntries(
        KNOWN_DRIVERS.map((known) => [known.name, set.includes(known.name) ? 'ready' : 'absent']),
      ),
    );
    for (const [ready, found] of Object.entries(JSON.parse(detected.stdout) as Record<string, string>)) {
      const first = auto.find((driver) => ready.split(',').includes(driver));
      assert.equal(found.startsWith('NoDriverFound') ? undefined : found, first, `ready: ${ready}; ${found}`);
    }
    assert.equal(none.status, EXIT_NONE_FOUND, none.stderr);
    for (const driver of absent) {
      assert.ok(none.stderr.includes(`${driver}: not in this build`), none.stderr);
    }
    if (auto.length > 0) {
      assert.equal(await startedWith(set), auto[0]);
    }
  });
}

test('a name that no build could have is a typo, not a flavor', async () => {
  const { status, stderr } = await checkout.node(['dist/main.js', '--port', '0', '--drivers', 'dokcer']);
  assert.equal(status, EXIT_UNKNOWN, stderr);
  assert.match(stderr, /there is no driver 'dokcer'.*did you mean 'docker'\?/);
});
