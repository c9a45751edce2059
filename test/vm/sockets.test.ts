import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chown, lstat, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { unconfined } from '../../dist/drivers/vm/process/qemu/confinement.js';
import { listenForQemu } from '../../dist/drivers/vm/process/qemu/sockets.js';
import { connectMachine } from '../../dist/drivers/vm/process/sandboxes/machine.js';
import { tempFolder } from '../support/folder.js';
import { becomes, execIn, makeOwnDriver, sandboxOf, withoutMachines } from './driver.js';

const signal = AbortSignal.timeout(300_000);
const isRoot = process.getuid?.() === 0;
const QEMU_USER = 1_999_999_999;

/** A socket of somebody else's; counts who comes. */
async function startDecoy(path: string) {
  let visitors = 0;
  const server = createServer((socket) => {
    visitors++;
    socket.destroy();
  }).listen(path);
  await once(server, 'listening');
  return { visitors: () => visitors, close: () => server.close() };
}

for (const name of ['qmp.sock', 'agent.sock']) {
  test(`a link in the place of ${name} leads the driver nowhere`, async () => {
    const { path: folder, remove } = tempFolder();
    const vm = join(folder, 'vm');
    const decoy = await startDecoy(join(folder, 'decoy.sock'));
    const real = await startDecoy(join(folder, 'real.sock'));
    try {
      await mkdir(vm, { mode: 0o700 });
      await symlink('../decoy.sock', join(vm, name));
      const other = ['qmp.sock', 'agent.sock'].find((one) => one !== name) as string;
      await symlink('../real.sock', join(vm, other));
      // As a folder is that an earlier version gave to QEMU's user.
      if (isRoot) {
        await chown(vm, QEMU_USER, QEMU_USER);
      }
      await assert.rejects(
        connectMachine({
          pid: 0,
          name: 'openshell-none',
          directory: vm,
          confinement: unconfined,
          resume: true,
          signal,
        }),
        { reason: 'SocketReplaced' },
      );
      assert.equal(decoy.visitors(), 0);
      if (isRoot) {
        const { uid, mode } = await lstat(vm);
        assert.deepEqual([uid, mode & 0o777], [0, 0o711], 'from now on nobody can put another in its place');
      }
    } finally {
      decoy.close();
      real.close();
      remove();
    }
  });
}

test('a socket that listens for QEMU takes the place of anything that was there', async () => {
  const { path: folder, remove } = tempFolder();
  try {
    for (const name of ['qmp.sock', 'agent.sock.new']) {
      await symlink('/nowhere', join(folder, name));
    }
    const sockets = await listenForQemu(folder);
    sockets.close();
    assert.deepEqual((await readdir(folder)).sort(), ['agent.sock', 'qmp.sock']);
    for (const name of await readdir(folder)) {
      assert.ok((await lstat(join(folder, name))).isSocket());
    }
  } finally {
    remove();
  }
});

test("QEMU's user can change nothing in its folder, and cannot reach its sockets", {
  skip: withoutMachines || (isRoot ? false : 'QEMU runs as our own user'),
  timeout: 300_000,
}, async () => {
  const running = await makeOwnDriver({ templates: false });
  try {
    const sandbox = sandboxOf();
    await running.driver.create(sandbox, { signal });
    await becomes(running.driver, sandbox, 'running');
    const folder = join(running.folder, 'sandboxes', sandbox.id);
    const { uid } = JSON.parse(await readFile(join(folder, 'sandbox.json'), 'utf8')) as { uid: number };
    const before = await readdir(join(folder, 'vm'));
    const script = `
        ln -s /run/decoy.sock planted; rm -f qmp.sock; mv agent.sock moved; touch new
        ls; mv overlay.qcow2 base.ext4; chmod 777 .`;
    const tried = spawnSync('/bin/busybox', ['sh', '-c', script], {
      cwd: join(folder, 'vm'),
      uid,
      gid: uid,
      encoding: 'utf8',
    });
    assert.equal(tried.stdout, '');
    assert.deepEqual(await readdir(join(folder, 'vm')), before);
    const connecting = `require('node:net').connect('qmp.sock').on('error', (error) => console.log(error.code))`;
    const connected = spawnSync(process.execPath, ['-e', connecting], {
      cwd: join(folder, 'vm'),
      uid,
      gid: uid,
      encoding: 'utf8',
    });
    assert.equal(connected.stdout, 'EACCES\n', connected.stderr);
    assert.equal(await execIn(running.driver, sandbox, 'echo well'), 'well\n');
    assert.equal(await running.driver.delete(sandbox, { signal }), true);
  } finally {
    await running.destroy();
  }
});
