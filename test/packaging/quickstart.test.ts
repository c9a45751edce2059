import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../support/folder.js';

const SCRIPTS = ['scripts/quickstart.sh', 'scripts/setup.sh', 'test/engines/docker/up'];
const NEEDED = 'bash cat cmp cp dirname flock kill mkdir readlink rm seq setsid sleep tail'.split(' ');
/** Of a machine that has nothing yet. Each leaves a line of what it was asked in the output, where it was asked. */
const STUBS = {
  node: 'exit 0',
  npm: 'echo "RAN npm $*" >>"$SEEN"; mkdir -p node_modules; [ "$1" != run ]',
  'apt-get': 'echo "RAN apt-get $*" >>"$SEEN"',
  nohup: 'echo "RAN $*" >>"$SEEN"; touch "$OPENSHELL_TEST_STATE/answers"',
  curl: '[ -e "$OPENSHELL_TEST_STATE/answers" ]',
  id: 'echo 0',
  touch: ': >"$1"',
};

/** What the quickstart prints on such a machine up to its build, which fails. */
async function quickstart(folder: string): Promise<string[]> {
  const checkout = join(folder, 'checkout');
  const bin = join(folder, 'bin');
  await mkdir(bin);
  for (const script of SCRIPTS) {
    await mkdir(dirname(join(checkout, script)), { recursive: true });
    await copyFile(script, join(checkout, script));
  }
  await writeFile(join(checkout, 'package-lock.json'), '{}');
  for (const [name, body] of Object.entries(STUBS)) {
    await writeFile(join(bin, name), `#!/bin/bash\n${body}\n`, { mode: 0o755 });
  }
  for (const name of NEEDED) {
    const { stdout } = spawnSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' });
    await symlink(stdout.trim(), join(bin, name)).catch(() => {});
  }
  const seen = join(folder, 'seen');
  const output = openSync(seen, 'a');
  const env = { PATH: bin, HOME: folder, SEEN: seen, OPENSHELL_TEST_STATE: join(folder, 'state') };
  const { error } = spawnSync('/bin/bash', [join(checkout, 'scripts/quickstart.sh'), '--once'], {
    env,
    stdio: ['ignore', output, output],
    timeout: 60_000,
  });
  closeSync(output);
  assert.equal(error, undefined);
  return (await readFile(seen, 'utf8')).split('\n');
}

test('the quickstart says what it installs and starts, a line each, before it does', async () => {
  const { path: folder, remove } = tempFolder();
  try {
    const lines = await quickstart(folder);
    const all = lines.join('\n');
    const at = (pattern: RegExp): number => {
      const found = lines.findIndex((line) => pattern.test(line));
      assert.notEqual(found, -1, `${pattern} is not in:\n${all}`);
      return found;
    };
    assert.ok(at(/^installing the npm packages .*node_modules/) < at(/^RAN npm ci/), all);
    const apt = at(/^RAN apt-get update/);
    const asked = /install -y --no-install-recommends (.*)$/.exec(lines[at(/^RAN apt-get install/)] ?? '');
    const packages = asked?.[1]?.split(' ') ?? [];
    assert.ok(packages.includes('docker.io'), all);
    for (const name of packages) {
      assert.ok(at(new RegExp(`^installing the Debian package ${name} `)) < apt, all);
    }
    assert.ok(at(/^starting dockerd/) < at(/^RAN .*dockerd/), all);
  } finally {
    remove();
  }
});
