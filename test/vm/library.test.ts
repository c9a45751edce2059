import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createLibrary,
  type ImageProgress,
  type PullPolicy,
} from '../../dist/drivers/vm/process/images/library.js';
import { createRegistry } from '../../dist/drivers/vm/process/images/registry/registry.js';
import { createSharedWork } from '../../dist/drivers/vm/process/images/shared-work.js';
import { type Registry, startRegistry } from '../conformance/registry.js';
import { tempFolder } from '../support/folder.js';
import { writeTar } from './tar-writer.js';

const signal = AbortSignal.timeout(120_000);
const LAYER = writeTar([{ path: 'etc/hello', content: 'hello' }]);
const hasTools = existsSync('/usr/sbin/mke2fs') || existsSync('/sbin/mke2fs');
const disks = { skip: hasTools ? false : 'mke2fs is not here' };

interface Shelf {
  readonly registry: Registry;
  readonly cache: string;
  readonly blobs: () => number;
  /** The variable that the image was published with. */
  published(policy: PullPolicy, name?: string): Promise<string | undefined>;
  readonly news: ImageProgress[];
}

async function withShelf(body: (shelf: Shelf) => Promise<void>) {
  let blobs = 0;
  const registry = await startRegistry(LAYER, 0, {
    intercept: (request) => {
      if (request.url?.includes('/blobs/')) {
        blobs++;
      }
      return false;
    },
  });
  const { path: folder, remove } = tempFolder();
  const cache = join(folder, 'cache');
  const news: ImageProgress[] = [];
  const published: Shelf['published'] = async (pullPolicy, name = 'openshell/pulled:1') => {
    const library = createLibrary({
      imageDir: join(folder, 'images'),
      cacheDir: cache,
      cacheMib: 512,
      freeMib: 16,
      pullPolicy,
      registry: createRegistry({
        insecure: ['127.0.0.1'],
        local: ['127.0.0.1'],
        authFile: '',
        maxBytes: 1e9,
        pauseMs: 1,
      }),
    });
    const disk = await library.rootDisk(`${registry.address}/${name}`, (one) => news.push(one), signal);
    return disk.config.environment.PUBLISHED;
  };
  try {
    await body({ registry, cache, blobs: () => blobs, published, news });
  } finally {
    await registry.close();
    remove();
  }
}

test('missing asks once; always asks each time, and downloads what changed; never asks nobody', disks, () =>
  withShelf(async ({ registry, published, blobs, news }) => {
    await assert.rejects(published('never'), { reason: 'ImagePullFailed', hint: /image_pull_policy/ });
    assert.equal(registry.asked(), 0);
    assert.equal(await published('missing'), 'first');
    const reasons = new Set(news.map(({ reason }) => reason));
    assert.deepEqual([...reasons], ['Pulling', 'PullingLayer', 'PreparingDisk']);
    registry.publish('second');
    assert.deepEqual([await published('missing'), await published('never')], ['first', 'first']);
    assert.equal(registry.asked(), 1);
    assert.equal(await published('always'), 'second');
    const downloaded = blobs();
    assert.equal(await published('always'), 'second');
    assert.deepEqual([registry.asked(), blobs()], [3, downloaded]);
    assert.equal(await published('never'), 'second');
    assert.equal(await published('missing', `openshell/pulled@${registry.digests().manifest}`), 'second');
    assert.equal(blobs(), downloaded, 'a second name of the same image costs no download');
  }),
);

test('a pull that fails leaves nothing in the cache', disks, () =>
  withShelf(async ({ registry, published, cache }) => {
    const absent = `sha256:${'7'.repeat(64)}`;
    registry.publishManifest({ config: { digest: absent, size: 2 }, layers: [] });
    await assert.rejects(published('missing'), { reason: 'ImagePullFailed' });
    assert.deepEqual(await readdir(cache), []);
  }),
);

test('work that two want is done once, and goes on when one of them gives up', async () => {
  const work = createSharedWork<string, string>();
  let begun = 0;
  let finish: (value: string) => void = () => {};
  const start = (tell: (news: string) => void) => {
    begun++;
    tell('begun');
    return new Promise<string>((resolve) => {
      finish = resolve;
    });
  };
  const heard: string[] = [];
  const one = new AbortController();
  const two = new AbortController();
  const first = work.join('a', (news) => heard.push(news), one.signal, start);
  const second = work.join('a', (news) => heard.push(news), two.signal, start);
  await new Promise(setImmediate);
  one.abort(new Error('changed my mind'));
  await assert.rejects(first, /changed my mind/);
  finish('done');
  assert.equal(await second, 'done');
  assert.deepEqual([begun, heard], [1, ['begun', 'begun']]);
});

test('work that nobody wants any more is ended, and the last to give up waits for its end', async () => {
  const work = createSharedWork<string, never>();
  let ended = false;
  const start = (_: unknown, until: AbortSignal) =>
    new Promise<string>((_resolve, reject) => {
      until.addEventListener('abort', () =>
        setImmediate(() => {
          ended = true;
          reject(until.reason);
        }),
      );
    });
  const only = new AbortController();
  const waiting = work.join('a', () => {}, only.signal, start);
  await new Promise(setImmediate);
  only.abort(new Error('gone'));
  const fresh = work.join(
    'a',
    () => {},
    signal,
    async () => 'another',
  );
  await assert.rejects(waiting, /gone/);
  assert.ok(ended);
  assert.equal(await fresh, 'another', 'who comes then gets work of its own');
});
