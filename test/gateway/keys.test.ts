import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { OpenShellError } from '../../dist/compute/errors.js';
import { createKeys, openKeys } from '../../dist/gateway/keys/keys.js';
import type { Store } from '../../dist/store/store.js';
import { tempFolder } from '../support/folder.js';

function emptyStore(): Store & { readonly meta: Map<string, string> } {
  const meta = new Map<string, string>();
  return {
    meta,
    getMeta: async (key: string) => meta.get(key),
    setMeta: async (key: string, value: string) => void meta.set(key, value),
  } as unknown as Store & { readonly meta: Map<string, string> };
}

function refused(reason: string) {
  return (error: unknown) => error instanceof OpenShellError && error.reason === reason;
}

describe('the key file', () => {
  test('is made at the first start, the user’s alone, and found again', async () => {
    const folder = tempFolder();
    try {
      const path = join(folder.path, 'deep', 'secret.key');
      const store = emptyStore();
      const keys = await openKeys(store, path, 'g');
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      assert.deepEqual(await readdir(join(folder.path, 'deep')), ['secret.key']);
      const again = await openKeys(store, path, 'g');
      assert.equal(again.id, keys.id);
      assert.deepEqual(again.derive('a'), keys.derive('a'));
      assert.equal(again.open(keys.seal(Buffer.from('x'), 'u'), 'u').toString(), 'x');
      const written = await readFile(path, 'utf8');
      for (const value of store.meta.values()) {
        assert.ok(!written.includes(value), 'the store has its id only');
      }
    } finally {
      folder.remove();
    }
  });

  test('of two first starts at once both have the same key', async () => {
    const folder = tempFolder();
    try {
      const path = join(folder.path, 'secret.key');
      const all = await Promise.all(Array.from({ length: 8 }, () => openKeys(emptyStore(), path, 'g')));
      assert.equal(new Set(all.map(({ id }) => id)).size, 1);
      assert.deepEqual(await readdir(folder.path), ['secret.key']);
    } finally {
      folder.remove();
    }
  });

  test('that is lost, another, or no key stops the start by name', async () => {
    const folder = tempFolder();
    try {
      const path = join(folder.path, 'secret.key');
      const store = emptyStore();
      await openKeys(store, path, 'g');
      const open = () => openKeys(store, path, 'g');
      const kept = await readFile(path);

      await rm(path);
      await assert.rejects(open, refused('KeyMissing'));
      assert.deepEqual(await readdir(folder.path), [], 'no other key is made in its place');

      await openKeys(emptyStore(), path, 'g');
      await assert.rejects(open, refused('KeyMismatch'));

      for (const bytes of [
        Buffer.alloc(0),
        kept.subarray(0, 40),
        Buffer.from(kept.toString().replace(':', ';')),
        Buffer.concat([kept, kept]),
        randomBytes(5000),
      ]) {
        await writeFile(path, bytes, { mode: 0o600 });
        await assert.rejects(open, refused('KeyUnreadable'));
      }
      await rm(path);
      await mkdir(path);
      await assert.rejects(open, refused('KeyUnreadable'));

      await rm(path, { recursive: true });
      await writeFile(path, kept, { mode: 0o600 });
      await open();
      await chmod(path, 0o604);
      await assert.rejects(open, refused('KeyUnreadable'));
    } finally {
      folder.remove();
    }
  });

  test('no error names a byte of it', async () => {
    const folder = tempFolder();
    try {
      const path = join(folder.path, 'secret.key');
      await openKeys(emptyStore(), path, 'g');
      const secret = (await readFile(path, 'utf8')).trim().split(':')[1] as string;
      await chmod(path, 0o644);
      await assert.rejects(openKeys(emptyStore(), path, 'g'), (error: OpenShellError) => {
        assert.ok(!`${error.text}${error.stack}`.includes(secret));
        return true;
      });
    } finally {
      folder.remove();
    }
  });
});

describe('what is sealed', () => {
  const keys = createKeys(randomBytes(32), 'g');

  test('opens for its use alone, with its gateway’s key alone', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), fc.string(), (plain, use, other) => {
        const sealed = keys.seal(plain, use);
        assert.deepEqual(new Uint8Array(keys.open(sealed, use)), plain);
        assert.notEqual(keys.seal(plain, use), sealed, 'no two are alike');
        if (other !== use) {
          assert.throws(() => keys.open(sealed, other), refused('SealBroken'));
        }
      }),
    );
    const master = randomBytes(32);
    const sealed = createKeys(master, 'g').seal(Buffer.from('x'), 'u');
    assert.throws(() => createKeys(master, 'another').open(sealed, 'u'), refused('SealBroken'));
    assert.throws(() => createKeys(randomBytes(32), 'g').open(sealed, 'u'), refused('KeyMismatch'));
  });

  test('a change of any character is noticed', () => {
    const sealed = keys.seal(Buffer.from('a secret'), 'u');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:=';
    for (let at = 0; at < sealed.length; at++) {
      for (const character of alphabet) {
        if (sealed[at] === character) {
          continue;
        }
        const changed = sealed.slice(0, at) + character + sealed.slice(at + 1);
        assert.throws(() => keys.open(changed, 'u'), OpenShellError, `${at}: ${character}`);
      }
      assert.throws(() => keys.open(sealed.slice(0, at), 'u'), OpenShellError);
    }
    for (const more of ['A', '=', '\n', ' ']) {
      assert.throws(() => keys.open(sealed + more, 'u'), OpenShellError);
    }
  });

  test('each purpose has bytes of its own', () => {
    assert.notDeepEqual(keys.derive('a'), keys.derive('b'));
    assert.equal(keys.derive('a').length, 32);
    assert.match(keys.id, /^[0-9a-f]{16}$/);
  });
});
