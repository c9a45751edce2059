import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { eventually } from '../support/wait.js';
import { type Checkout, openCheckout, ROOT } from './checkout.js';

/** What docs/writing-a-driver.md walks through, done step by step. */
const FLAVOR = 'mine';

let checkout: Checkout;
before(async () => {
  checkout = openCheckout();
  cpSync(join(ROOT, 'examples/driver-process'), join(checkout.root, 'src/drivers/process'), {
    recursive: true,
  });
  const written = await checkout.flavor('process', 'docker', '--name', FLAVOR);
  assert.equal(written.status, 0, written.stderr);
  const lint = await checkout.flavor('lint');
  assert.equal(lint.status, 0, lint.stdout);
  const built = await checkout.compile(`tsconfig.${FLAVOR}.json`);
  assert.equal(built.status, 0, built.stdout);
});
after(() => checkout.remove());

test('a driver that no table knows is in the build, and the gateway says so', async () => {
  const version = await checkout.node(['dist/main.js', '--version', '--json']);
  assert.deepEqual(JSON.parse(version.stdout).drivers, ['docker', 'process']);
  const listed = await checkout.node(['dist/main.js', 'drivers', '--json']);
  const mine = JSON.parse(listed.stdout).drivers.find(({ name }: { name: string }) => name === 'process');
  assert.equal(mine.state, 'ready', listed.stdout);
});

test('it runs sandboxes from create to delete', async () => {
  const gateway = spawn(process.execPath, ['dist/main.js', '--port', '0', '--drivers', 'process'], {
    cwd: checkout.root,
    env: { PATH: process.env.PATH, HOME: checkout.root },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  gateway.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk;
  });
  try {
    const address = await eventually('gateway listening', () => {
      assert.equal(gateway.exitCode, null, log);
      return /"address":"([^"]+)"/.exec(log)?.[1];
    });
    const cli = (...args: string[]) =>
      checkout.node(['dist/cli/main.js', '--gateway-endpoint', `http://${address}`, ...args]);
    const phase = async (): Promise<string> => {
      const { stdout, stderr } = await cli('sandbox', 'get', 'one', '--output', 'json');
      assert.ok(stdout !== '', stderr);
      return stdout;
    };
    const created = await cli(
      'sandbox',
      'create',
      '--name',
      'one',
      '--from',
      'none',
      '--detach',
      '--',
      'sleep',
      '600',
    );
    assert.equal(created.status, 0, created.stderr + log);
    assert.match(await phase(), /READY/i);
    assert.equal((await cli('sandbox', 'stop', 'one')).status, 0);
    assert.match(await phase(), /STOPPED/i);
    assert.equal((await cli('sandbox', 'start', 'one')).status, 0);
    assert.match(await phase(), /READY/i);
    const deleted = await cli('sandbox', 'delete', 'one');
    assert.equal(deleted.status, 0, deleted.stderr);
  } finally {
    const ended = once(gateway, 'exit');
    gateway.kill('SIGTERM');
    await ended;
  }
});

test('its name is suggested to who mistypes it', async () => {
  const { status, stderr } = await checkout.flavor('proces');
  assert.equal(status, 2);
  assert.match(stderr, /did you mean 'process'\?/);
});
