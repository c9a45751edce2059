import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tempFolder } from '../support/folder.js';
import { cleanEnvironment, MAIN } from './support/run.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const NODES = ['node22', 'node24']
  .map((name) => join(root, 'node_modules', name, 'bin', 'node'))
  .filter((path) => existsSync(path));
const skip = NODES.length === 0 && 'no Node with a compile cache here';

/** A home for caches; what one run of `openshell --version` leaves in the folder that it keeps. */
function cacheHome(t: TestContext) {
  const { path: home, remove } = tempFolder();
  t.after(remove);
  const folder = join(home, 'openshell', 'compile-cache');
  const run = (node: string, env: NodeJS.ProcessEnv = {}) => {
    const { status, stdout, stderr } = spawnSync(node, [MAIN, '--version'], {
      env: cleanEnvironment({ XDG_CACHE_HOME: home, ...env }),
      encoding: 'utf8',
    });
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^openshell \d/);
    return existsSync(folder) ? readdirSync(folder) : undefined;
  };
  return { home, folder, run };
}

test('compiled modules are kept in a folder of the user alone', { skip }, (t) => {
  for (const node of NODES) {
    const { folder, run } = cacheHome(t);
    const [version = ''] = run(node) ?? [];
    assert(readdirSync(join(folder, version)).length > 0);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.deepEqual(run(node), [version]);
  }
});

test('a folder that others can write to, reach or replace is not used', { skip }, (t) => {
  const [node = ''] = NODES;
  const closed = cacheHome(t);
  mkdirSync(closed.folder, { recursive: true, mode: 0o700 });
  chmodSync(closed.folder, 0o750);
  assert.deepEqual(closed.run(node), []);

  const below = cacheHome(t);
  chmodSync(below.home, 0o777);
  assert.deepEqual(below.run(node), []);
  chmodSync(below.home, 0o1777);
  assert.equal(below.run(node)?.length, 1);

  const linked = cacheHome(t);
  const elsewhere = join(linked.home, 'elsewhere');
  mkdirSync(elsewhere, { mode: 0o700 });
  mkdirSync(join(linked.home, 'openshell'));
  symlinkSync(elsewhere, linked.folder);
  assert.deepEqual(linked.run(node), []);

  if (process.getuid?.() === 0) {
    const foreign = cacheHome(t);
    mkdirSync(foreign.folder, { recursive: true, mode: 0o700 });
    chownSync(foreign.folder, 65_534, 65_534);
    assert.deepEqual(foreign.run(node), []);
  }
});

test('no folder is made when it is turned off, and none where it cannot be', { skip }, (t) => {
  const [node = ''] = NODES;
  const { run } = cacheHome(t);
  assert.equal(run(node, { NODE_DISABLE_COMPILE_CACHE: '1' }), undefined);
  assert.equal(run(node, { XDG_CACHE_HOME: '/dev/null/nowhere' }), undefined);
  assert.equal(run(node, { XDG_CACHE_HOME: 'relative' }), undefined);
  assert.equal(existsSync(join(root, 'relative')), false);
});

test('a Node without a compile cache keeps nothing', (t) => {
  if (Number(process.versions.node.split('.')[0]) >= 22) {
    return;
  }
  assert.equal(cacheHome(t).run(process.execPath), undefined);
});
