import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MachineShape } from '../../dist/drivers/vm/process/qemu/arguments.js';
import { openControlGroups } from '../../dist/drivers/vm/process/qemu/control-groups.js';
import { claimUidRange } from '../../dist/drivers/vm/process/qemu/uid-range.js';
import { inFolder, tempFolder } from '../support/folder.js';
import { warningsInto } from '../support/logger.js';
import { eventually } from '../support/wait.js';
import { becomes, execIn, makeDriver, sandboxOf, VM_HOME, withoutMachines } from './driver.js';

const signal = AbortSignal.timeout(300_000);
const MIB = 1024 * 1024;
const shape: MachineShape = { name: 'openshell-a', accelerator: 'tcg', vcpus: 2, memoryMib: 512 };

test('two gateways of a host never have a user id in common, and each keeps its own', () =>
  inFolder(async (folder) => {
    const said: string[] = [];
    const claim = async (name: string) => {
      const owner = join(folder, 'state', name);
      await mkdir(owner, { recursive: true });
      // Room for two ranges.
      const base = 2 ** 31 - 3 * 65_536 - 7;
      return claimUidRange({
        base,
        gatewayId: name,
        owner,
        log: warningsInto(said),
        registry: join(folder, 'run'),
      });
    };
    const [one, two] = [await claim('one'), await claim('two')];
    assert.ok(one.last < two.first || two.last < one.first, JSON.stringify([one, two]));
    assert.ok(Math.max(one.last, two.last) < 2 ** 31);
    assert.deepEqual([await claim('one'), await claim('two')], [one, two]);
    assert.deepEqual(said, []);
    await claim('three');
    assert.match(said.join(), /user ids could not be reserved.*all 2 ranges are taken/);
    await rm(join(folder, 'state', 'one'), { recursive: true });
    assert.deepEqual(await claim('three'), one, 'what belongs to nobody any more is given away');
  }));

test('gateways with different ids want different ranges, also where none can be noted', () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, 'file'), '');
    const said: string[] = [];
    const claims = Array.from({ length: 20 }, () =>
      claimUidRange({
        base: 1_900_000_000,
        gatewayId: randomUUID(),
        owner: folder,
        log: warningsInto(said),
        registry: join(folder, 'file'),
      }),
    );
    const ranges = await Promise.all(claims);
    assert.ok(new Set(ranges.map(({ first }) => first)).size > 15);
    assert.equal(said.length, 20);
  }));

test('a machine gets a control group of either version, and what a host has not is told once', () =>
  inFolder(async (folder) => {
    const said: string[] = [];
    const open = (root: string, ownGroups = '') =>
      openControlGroups({ gatewayId: 'g:1', log: warningsInto(said), root, ownGroups });
    const two = join(folder, 'two');
    await mkdir(two);
    await writeFile(join(two, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
    const v2 = await open(two);
    const group = join(two, 'openshell-vm', 'g_1', 'openshell-a');
    assert.deepEqual(await v2.create(shape), [group]);
    const read = (file: string) => readFile(join(group, file), 'utf8');
    assert.equal(await read('memory.max'), String((512 + 384) * MIB));
    assert.equal(await read('cpu.max'), '300000 100000');
    assert.equal(await read('pids.max'), '130');
    for (const level of [two, join(two, 'openshell-vm'), join(two, 'openshell-vm', 'g_1')]) {
      assert.ok((await stat(join(level, 'cgroup.subtree_control'))).isFile());
    }
    assert.deepEqual(said, []);

    const one = join(folder, 'one');
    for (const path of ['memory/own', 'cpu', 'pids']) {
      await mkdir(join(one, path), { recursive: true });
      await writeFile(join(one, path, 'cgroup.procs'), '');
    }
    const v1 = await open(one, '8:pids:/\n4:memory:/own\n1:cpu,cpuacct:/not/here\n');
    assert.deepEqual(
      await v1.create(shape),
      ['memory/own', 'cpu', 'pids'].map((path) => join(one, path, 'openshell-vm', 'g_1', 'openshell-a')),
    );
    assert.deepEqual(said, []);

    const none = await open(join(folder, 'none'));
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await none.create(shape), []);
    }
    assert.deepEqual(
      said.map((text) => /on (\w+): no such control group$/.exec(text)?.[1]),
      ['memory', 'cpu', 'pids'],
    );
  }));

test('QEMU has a user, namespaces and control groups of its own, no capability, and sees nothing of the host', {
  skip: withoutMachines || (process.getuid?.() === 0 ? false : 'QEMU runs as our own user'),
  timeout: 300_000,
}, async (t) => {
  const { path: stateDir, remove } = tempFolder(VM_HOME);
  const gatewayId = randomUUID();
  const running = await makeDriver(stateDir, gatewayId);
  try {
    const sandboxes = [sandboxOf(), sandboxOf()];
    const uids = new Set<string>();
    for (const sandbox of sandboxes) {
      await running.driver.create(sandbox, { signal });
      await becomes(running.driver, sandbox, 'running');
      const text = await readFile(join(running.folder, 'sandboxes', sandbox.id, 'sandbox.json'), 'utf8');
      const { run, uid } = JSON.parse(text) as { run: { pid: number }; uid: number };
      const of = (pid: number | 'self', file: string) => `/proc/${pid}/${file}`;
      for (const name of ['mnt', 'net', 'ipc', 'uts']) {
        assert.notEqual(
          await readlink(of(run.pid, `ns/${name}`)),
          await readlink(of('self', `ns/${name}`)),
          name,
        );
      }
      const status = await readFile(of(run.pid, 'status'), 'utf8');
      const field = (name: string) => new RegExp(`^${name}:[\\t ]*(.*?)[\\t ]*$`, 'm').exec(status)?.[1];
      assert.equal(field('Uid'), Array(4).fill(uid).join('\t'));
      uids.add(field('Uid') ?? '');
      assert.equal(field('Groups'), '');
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        assert.equal(BigInt(`0x${field(set)}`), 0n, set);
      }
      assert.equal(field('NoNewPrivs'), '1');
      assert.equal(field('Seccomp'), '2');
      for (const path of ['proc', 'home', 'root', 'run', 'tmp', 'var']) {
        assert.deepEqual(await readdir(of(run.pid, `root/${path}`)), [], path);
      }
      await assert.rejects(writeFile(of(run.pid, 'root/tmp/file'), ''), { code: 'EROFS' });
      const groups = (await readFile(of(run.pid, 'cgroup'), 'utf8')).split('\n');
      const ours = groups.filter((line) =>
        line.endsWith(`/openshell-vm/${gatewayId}/openshell-${sandbox.id}`),
      );
      t.diagnostic(ours.join(' ') || 'this host lets nobody make control groups');
      if ((await stat('/sys/fs/cgroup/memory/cgroup.procs').catch(() => undefined)) !== undefined) {
        assert.equal(ours.length, 3);
        const path = /memory:(.*)$/m.exec(ours.join('\n'))?.[1];
        const read = async (file: string) =>
          Number(await readFile(`/sys/fs/cgroup/memory${path}/${file}`, 'utf8'));
        assert.equal(await read('memory.limit_in_bytes'), (192 + 384) * MIB);
        t.diagnostic(`memory at most: ${Math.round((await read('memory.max_usage_in_bytes')) / MIB)} MiB`);
      }
      assert.equal(await execIn(running.driver, sandbox, 'echo well'), 'well\n');
    }
    assert.equal(uids.size, sandboxes.length);
    for (const sandbox of sandboxes) {
      assert.equal(await running.driver.delete(sandbox, { signal }), true);
    }
    const own = await readFile('/proc/self/cgroup', 'utf8');
    const memory = /memory:(.*)$/m.exec(own)?.[1] ?? '';
    const folder = join('/sys/fs/cgroup/memory', memory, 'openshell-vm', gatewayId);
    await eventually('no group is left', async () => {
      const left = await readdir(folder, { withFileTypes: true }).catch(() => []);
      // The machine of a template that is being made has one until it is whole.
      return left.every(
        (entry) => !entry.isDirectory() || !sandboxes.some(({ id }) => entry.name.includes(id)),
      );
    });
  } finally {
    await running.destroy();
    remove();
  }
});
