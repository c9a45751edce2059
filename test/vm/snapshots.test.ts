import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, readdir, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../dist/compute/log.js';
import { identityOf } from '../../dist/drivers/vm/process/lock.js';
import { type MachineShape, qemuArguments } from '../../dist/drivers/vm/process/qemu/arguments.js';
import { unconfined } from '../../dist/drivers/vm/process/qemu/confinement.js';
import { type SnapshotKind, snapshotKey } from '../../dist/drivers/vm/process/snapshots/key.js';
import { openSnapshots, type SnapshotsOptions } from '../../dist/drivers/vm/process/snapshots/snapshots.js';
import { createSnapshotStore, type SnapshotStore } from '../../dist/drivers/vm/process/snapshots/store.js';
import { clearUnmade } from '../../dist/drivers/vm/process/snapshots/take.js';
import { inFolder } from '../support/folder.js';

const MIB = 1024 * 1024;
const signal = new AbortController().signal;
const shape: MachineShape = { name: 'openshell-a', accelerator: 'tcg', vcpus: 1, memoryMib: 192 };
const kind: SnapshotKind = { shape, guestDigest: 'g1', qemuBuild: 'QEMU 7.2', hostCpu: '' };

async function keep(store: SnapshotStore, folder: string, key: string, state: Buffer) {
  const made = join(folder, `.work-${key}`);
  await mkdir(made);
  await writeFile(join(made, 'state'), state);
  const sha256 = createHash('sha256').update(state).digest('hex');
  await store.keep(key, made, { bytes: state.length, sha256 });
}

async function contentOf(file: FileHandle | string): Promise<string> {
  if (typeof file === 'string') {
    return `none: ${file}`;
  }
  try {
    return (await file.readFile()).toString();
  } finally {
    await file.close();
  }
}

const guest = { kernel: '/none', initramfs: '/none', digest: 'g1' };

/** Snapshots of a QEMU that is nowhere. */
function snapshotsIn(folder: string, own: Pick<SnapshotsOptions, 'asUser' | 'log'>) {
  return openSnapshots({
    directory: folder,
    cacheMib: 64,
    qemu: '/none',
    qemuBuild: 'QEMU 7.2',
    hostCpu: '',
    bootTimeoutMs: 1_000,
    guest: async () => guest,
    confinement: unconfined,
    ...own,
  });
}

test('a snapshot is for one kernel, size, QEMU and host, and for sandboxes of any name', () => {
  const key = snapshotKey(kind);
  assert.equal(snapshotKey({ ...kind, shape: { ...shape, name: 'openshell-b' } }), key);
  const others: SnapshotKind[] = [
    { ...kind, shape: { ...shape, memoryMib: 193 } },
    { ...kind, shape: { ...shape, vcpus: 2 } },
    { ...kind, shape: { ...shape, accelerator: 'kvm' } },
    { ...kind, guestDigest: 'g2' },
    { ...kind, qemuBuild: 'QEMU 7.3' },
    { ...kind, hostCpu: 'another' },
  ];
  assert.equal(new Set([key, ...others.map(snapshotKey)]).size, others.length + 1);
});

test('a restored machine has the devices of one that boots, and no kernel to read', () => {
  const boot = qemuArguments(shape, 'boot');
  const restored = qemuArguments(shape, 'restore');
  const devices = (words: string[]) =>
    words.filter((word, at) => words[at - 1] === '-device' || word === 'q35');
  assert.deepEqual(devices(restored), devices(boot));
  assert.ok(!restored.includes('-kernel') && !boot.includes('-incoming'));
  assert.match(boot.join(' '), / no_timer_check /, 'an emulated guest may fail the check of its timer');
  assert.equal(restored[restored.indexOf('-incoming') + 1], 'fd:3');
});

test('what was kept is found again, from its start, also by another process', () =>
  inFolder(async (folder) => {
    const store = createSnapshotStore(folder, 64);
    assert.equal(await store.open('k', signal), 'none exists yet');
    await keep(store, folder, 'k', Buffer.from('state'));
    for (const one of [store, store, createSnapshotStore(folder, 64)]) {
      assert.equal(await contentOf(await one.open('k', signal)), 'state');
    }
    assert.deepEqual(await readdir(folder), ['k']);
  }));

test('a damaged snapshot is told and removed', () =>
  inFolder(async (folder) => {
    const store = createSnapshotStore(folder, 64);
    const damages: [(path: string) => Promise<void>, RegExp][] = [
      [(path) => writeFile(join(path, 'state'), 'sta'), /it has 3 bytes instead of 5/],
      [(path) => writeFile(join(path, 'state'), 'stale'), /its digest is wrong/],
      [(path) => rm(join(path, 'manifest.json')), /it has no manifest/],
      [(path) => writeFile(join(path, 'manifest.json'), '{'), /it has no manifest/],
    ];
    for (const [damage, reason] of damages) {
      await keep(store, folder, 'k', Buffer.from('state'));
      assert.equal(await contentOf(await store.open('k', signal)), 'state');
      await damage(join(folder, 'k'));
      assert.match(String(await store.open('k', signal)), reason);
      assert.deepEqual(await readdir(folder), []);
    }
  }));

test('a folder without a state is in nobody’s way', () =>
  inFolder(async (folder) => {
    const store = createSnapshotStore(folder, 64);
    await mkdir(join(folder, 'k'));
    await writeFile(join(folder, 'k', 'manifest.json'), '{}');
    assert.equal(await store.open('k', signal), 'none exists yet');
    await keep(store, folder, 'k', Buffer.from('state'));
    assert.equal(await contentOf(await store.open('k', signal)), 'state');
  }));

test('the longest unused snapshots go when there is no room, and one that is too large is not kept', () =>
  inFolder(async (folder) => {
    const store = createSnapshotStore(folder, 2);
    const state = Buffer.alloc(0.9 * MIB);
    await keep(store, folder, 'a', state);
    await keep(store, folder, 'b', state);
    const old = new Date(Date.now() - 60_000);
    for (const key of ['a', 'b']) {
      await utimes(join(folder, key, 'manifest.json'), old, old);
    }
    await contentOf(await store.open('a', signal));
    await keep(store, folder, 'c', state);
    assert.deepEqual((await readdir(folder)).sort(), ['a', 'c']);
    await assert.rejects(
      keep(store, folder, 'd', Buffer.alloc(3 * MIB)),
      /a snapshot of 3 MiB does not fit into 2 MiB/,
    );
  }));

test('what a process that is gone was making is removed, what a living one makes is not', () =>
  inFolder(async (folder) => {
    const mine = `.make-${(await identityOf(process.pid))?.replace(' ', '-')}-abcdef`;
    const gone = `.make-${process.pid}-1-abcdef`;
    for (const name of [mine, gone, 'a-snapshot']) {
      await mkdir(join(folder, name));
    }
    await clearUnmade(folder);
    assert.deepEqual((await readdir(folder)).sort(), [mine, 'a-snapshot'].sort());
  }));

test('snapshots that fail again and again are given up, with the last reason', () =>
  inFolder(async (folder) => {
    let asked = 0;
    let tell: (message: string) => void = () => {};
    const told = new Promise<string>((resolve) => {
      tell = resolve;
    });
    const snapshots = await snapshotsIn(folder, {
      asUser: async () => {
        asked++;
        throw new Error('no user is free');
      },
      log: { ...silentLogger, warn: tell },
    });
    const wanted = { shape, guest };
    assert.match(String(await snapshots.find(wanted, signal)), /1 CPU, 192 MiB: none exists yet/);
    await snapshots.discard(wanted, 'it does not start');
    await snapshots.discard(wanted, 'it does not start');
    snapshots.want(wanted);
    snapshots.want(wanted);
    assert.match(await told, /no snapshot of 1 CPU, 192 MiB was taken: .*no user is free/);
    assert.equal(asked, 1, 'one is made at a time');
    assert.match(String(await snapshots.find(wanted, signal)), /failed 3 times: .*no user is free/);
    snapshots.want(wanted);
    await snapshots.close();
    assert.equal(asked, 1, 'and none after so many failures');
    assert.deepEqual(await readdir(join(folder, '.making')), [], 'the lock is given back');
  }));

test('a machine with a network card boots: no snapshot is made for it', () =>
  inFolder(async (folder) => {
    const snapshots = await snapshotsIn(folder, {
      asUser: () => assert.fail('none may be made'),
      log: { ...silentLogger, warn: (message) => assert.fail(message) },
    });
    const wanted = { shape: { ...shape, card: { tap: 'tap0', mac: '52:54:00:00:00:01' } }, guest };
    assert.equal(await snapshots.find(wanted, signal), 'no snapshot has a network card');
    snapshots.want(wanted);
    await snapshots.close();
  }));

test('the lock of another process that makes a snapshot is respected', () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, '.making'));
    // A process that lives: the parent of this one.
    await symlink((await identityOf(process.ppid)) ?? '', join(folder, '.making', 'driver.lock'));
    const snapshots = await snapshotsIn(folder, {
      asUser: () => assert.fail('it would be made twice'),
      log: silentLogger,
    });
    for (let i = 0; i < 4; i++) {
      snapshots.want({ shape, guest });
      await snapshots.close();
    }
    assert.match(String(await snapshots.find({ shape, guest }, signal)), /none exists yet/);
    assert.match(await readlink(join(folder, '.making', 'driver.lock')), /^\d+ \d+$/);
  }));
