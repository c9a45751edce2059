import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import type { Json } from '../../dist/compute/sandbox.js';
import { plan } from './plan.js';

function mounted(mounts: Json[], bind = false) {
  return plan(
    { template: { driverConfig: { mounts } } },
    { enable_bind_mounts: bind, allowed_volumes: ['data'] },
  ).container.HostConfig;
}

function refused(mount: Json, message: RegExp, bind = true) {
  return assert.throws(() => mounted([mount], bind), { code: Code.INVALID_ARGUMENT, message });
}

test('a volume, read-only unless said otherwise', () => {
  const volume = { type: 'volume', source: 'data', target: '/data' };
  assert.deepEqual(mounted([volume])?.Mounts, [
    { Type: 'volume', Source: 'data', Target: '/data', ReadOnly: true },
  ]);
  assert.equal(mounted([{ ...volume, read_only: false }])?.Mounts?.[0]?.ReadOnly, false);
  assert.deepEqual(mounted([{ ...volume, subpath: 'a/b' }])?.Mounts?.[0]?.VolumeOptions, { Subpath: 'a/b' });
});

test("the host's folders only where the operator allows them", () => {
  const bind = { type: 'bind', source: '/srv/data', target: '/data' };
  assert.throws(() => mounted([bind]), { code: Code.FAILED_PRECONDITION, hint: /enable_bind_mounts/ });
  assert.deepEqual(mounted([bind], true)?.Mounts, [
    { Type: 'bind', Source: '/srv/data', Target: '/data', ReadOnly: true },
  ]);
  assert.deepEqual(mounted([{ ...bind, selinux_label: 'private' }], true)?.Binds, ['/srv/data:/data:ro,Z']);
});

test('a tmpfs with its options', () => {
  const tmpfs = { type: 'tmpfs', target: '/scratch', options: ['noexec'], size_bytes: 1024, mode: 448 };
  assert.deepEqual(mounted([tmpfs])?.Tmpfs, {
    '/scratch': 'rw,nosuid,nodev,noexec,size=1024,mode=700',
  });
});

test('what is wrong is named with its field', () => {
  refused({ type: 'image', source: 'x', target: '/x' }, /mounts\[0\]\.type: one of bind, volume, tmpfs/);
  refused('data:/data', /mounts\[0\]: an object is needed/);
  refused({ type: 'volume', source: 'a', target: '/a', readonly: true }, /\.readonly: there is no such key/);
  refused({ type: 'volume', source: '../a', target: '/a' }, /source: the name of a volume/);
  refused({ type: 'volume', source: 'openshell-workspace-x', target: '/a' }, /belongs to one sandbox/);
  refused({ type: 'tmpfs', target: '/a', mode: '9' }, /octal digits/);
  refused({ type: 'volume', source: 'a', target: '/a', subpath: '../b' }, /subpath/);
  refused({ type: 'bind', source: 'relative', target: '/a' }, /source: an absolute path/);
  refused({ type: 'bind', source: '/a', target: '/a', selinux_label: 'z' }, /shared or private/);
  refused({ type: 'tmpfs', target: '/a', options: ['suid'] }, /"suid" is none of/);
  refused({ type: 'tmpfs', target: '/a', mode: 0o7777 }, /mode/);
  for (const target of ['/', 'a', '/a/../b', '/a//b', '/a:b', '/a,b', '']) {
    refused({ type: 'tmpfs', target }, /target: an absolute path/);
  }
  for (const target of ['/proc', '/sys/fs', '/dev/shm', '/sandbox', '/etc/openshell/tls']) {
    refused({ type: 'tmpfs', target }, /is reserved/);
  }
});

test('a mount above the workspace would hide it, one below does not', () => {
  const settings = { workspace_path: '/home/agent/work' };
  const at = (target: string) =>
    plan({ template: { driverConfig: { mounts: [{ type: 'tmpfs', target }] } } }, settings);
  assert.throws(() => at('/home/agent'), /is reserved/);
  assert.throws(() => at('/home/agent/work'), /is reserved/);
  at('/home/agent/work/cache');
});

test('one target twice', () => {
  const mount = { type: 'tmpfs', target: '/a' };
  assert.throws(
    () => mounted([mount, { ...mount, target: '/a/' }]),
    /mounts\[1\]\.target: '\/a' is mounted twice/,
  );
});

test('any JSON is taken or refused with INVALID_ARGUMENT, never anything else', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        mounted([value as Json]);
      } catch (error) {
        assert.ok(error instanceof OpenShellError);
        assert.ok(error.code === Code.INVALID_ARGUMENT || error.code === Code.FAILED_PRECONDITION);
      }
    }),
  );
});
