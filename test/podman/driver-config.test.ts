import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import type { Json, JsonObject } from '../../dist/compute/sandbox.js';
import { plan } from './plan.js';

function withConfig(driverConfig: JsonObject, settings = {}) {
  return plan({ template: { driverConfig } }, { settings });
}

function withMount(mount: Json, settings = {}) {
  return withConfig({ mounts: [mount] }, settings);
}

function refused(config: JsonObject, message: RegExp) {
  return assert.throws(
    () => withConfig(config),
    { code: Code.INVALID_ARGUMENT, message },
    JSON.stringify(config),
  );
}

test('keys that do not exist, and values of the wrong type', () => {
  refused({ mount: [] }, /\.mount: there is no such key/);
  refused({ mounts: {} }, /mounts: a list is needed/);
  refused({ mounts: ['x'] }, /mounts\[0\]: an object is needed/);
  refused({ read_only_root: 'yes' }, /true or false is needed/);
  refused(
    { __proto__: null, constructor: 1 } as unknown as JsonObject,
    /\.constructor: there is no such key/,
  );
  assert.throws(() => withConfig({ mount: [] }), { hint: "did you mean 'mounts'?" });
});

test('targets that would hide what must not be hidden', () => {
  const target = (path: string) =>
    assert.throws(() => withMount({ type: 'tmpfs', target: path }), { code: Code.INVALID_ARGUMENT }, path);
  for (const path of [
    '/',
    '/sandbox',
    '/proc/x',
    '/etc/openshell',
    '/run/netns',
    'relative',
    '/a/../b',
    '/a//b',
    '',
  ]) {
    target(path);
  }
  assert.throws(
    () => withMount({ type: 'tmpfs', target: '/data' }, { workspace_path: '/data/space' }),
    /reserved/,
  );
  const twice = {
    mounts: [
      { type: 'tmpfs', target: '/a' },
      { type: 'tmpfs', target: '/a/' },
    ],
  };
  refused(twice, /'\/a' is mounted twice/);
  assert.equal(withMount({ type: 'tmpfs', target: '/sandbox/cache' }).container.mounts?.length, 1);
});

test('mounts in the engine’s words', () => {
  const tmpfs = withMount({ type: 'tmpfs', target: '/t', size_bytes: 5, mode: '700' });
  assert.deepEqual(tmpfs.container.mounts?.[0]?.options, ['nosuid', 'nodev', 'mode=700', 'size=5']);
  const volume = withMount({ type: 'volume', source: 'data', target: '/d' }, { allowed_volumes: ['data'] });
  assert.deepEqual(volume.container.volumes, [
    { Name: 'data', Dest: '/d', Options: ['ro', 'nosuid', 'nodev'] },
  ]);
  const image = withMount({ type: 'image', source: 'tools:1', target: '/i', read_only: false });
  assert.deepEqual(image.container.image_volumes, [
    { Source: 'tools:1', Destination: '/i', ReadWrite: true },
  ]);
  assert.deepEqual([image.image, ...image.otherImages], ['image:1', 'tools:1'], 'both images are needed');
  const bind = { type: 'bind', source: '/data', target: '/b', selinux_label: 'private' };
  const allowed = withMount(bind, { enable_bind_mounts: true });
  assert.deepEqual(allowed.container.mounts?.[0]?.options, ['rbind', 'ro', 'nosuid', 'nodev', 'Z']);
  assert.throws(() => withMount(bind), { code: Code.FAILED_PRECONDITION });
});

test('sources that cannot be', () => {
  refused({ mounts: [{ type: 'nfs', target: '/a' }] }, /one of bind, volume, tmpfs, image/);
  refused({ mounts: [{ type: 'bind', source: 'x', target: '/a' }] }, /absolute path of the host/);
  refused({ mounts: [{ type: 'bind', source: '/x/../y', target: '/a' }] }, /absolute path of the host/);
  refused({ mounts: [{ type: 'volume', source: '../x', target: '/a' }] }, /name of a volume/);
  refused(
    { mounts: [{ type: 'volume', source: 'openshell-abc-workspace', target: '/a' }] },
    /belongs to one sandbox/,
  );
  refused({ mounts: [{ type: 'image', target: '/a' }] }, /it is missing/);
  refused({ mounts: [{ type: 'tmpfs', target: '/a', source: 'x' }] }, /\.source: there is no such key/);
});

test('secrets: a name on the engine, the value nowhere in the container', () => {
  const made = withConfig({
    secrets: [
      { value: 'hush', env: 'TOKEN' },
      { value: 'hush', path: '/run/key' },
    ],
  });
  assert.equal(JSON.stringify(made.container).includes('hush'), false);
  const [first, second] = made.secrets.map(({ name }) => name);
  assert.match(first ?? '', /^openshell-[0-9a-f]{32}-secret-0$/);
  assert.deepEqual(made.container.secret_env, { TOKEN: first });
  assert.equal(made.container.secrets?.[0]?.Source, second);
  for (const secret of [
    {},
    { value: '' },
    { value: 'x' },
    { value: 'x', env: 'A', path: '/a' },
    { value: 'x', env: 'A B' },
    { value: 'x', path: 'a' },
    { value: 'x'.repeat(70_000), env: 'A' },
  ]) {
    refused({ secrets: [secret as JsonObject] }, /secrets\[0\]/);
  }
  refused({ secrets: Array.from({ length: 33 }, () => ({ value: 'x', env: 'A' })) }, /at most 32 secrets/);
});
