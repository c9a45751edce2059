import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { OpenShellError } from '../../dist/compute/errors.js';
import { createTree, treeNode } from '../../dist/drivers/vm/process/images/tree.js';
import { unpackLayers } from '../../dist/drivers/vm/process/images/unpack.js';
import { tempFolder } from '../support/folder.js';
import { times } from '../support/soak.js';
import { type TarFile, writeTar } from './tar-writer.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;
const signal = AbortSignal.timeout(3_600_000);
const MIB = 1024 * 1024;
/** As the driver has them, but for fewer files: each of these archives goes on for a million. */
const LIMITS = { maxBytes: 64 * MIB, maxEntries: times(20_000, 800_000), maxTreeBytes: times(8, 192) * MIB };
/** The tree's own limit, and what V8 has not collected yet. */
const MOST_GROWTH_BYTES = times(32, 256) * MIB;

function pax(records: Readonly<Record<string, string>>): TarFile {
  const record = (text: string): string => {
    for (let length = Buffer.byteLength(text) + 2; ; length++) {
      const whole = `${length} ${text}`;
      if (Buffer.byteLength(whole) === length) {
        return whole;
      }
    }
  };
  const content = Object.entries(records).map(([key, value]) => record(`${key}=${value}\n`));
  return { path: 'pax', type: 'x', content: content.join('') };
}

/** An archive of entries without end, as long as its limits let it go on. */
async function* archive(entry: (i: number) => TarFile[]): AsyncGenerator<Buffer> {
  for (let i = 0; i < 2_000_000; i++) {
    yield writeTar(entry(i)).subarray(0, -1024);
  }
}

/** Unpacks in a folder that is gone afterwards. Returns the error and the largest growth of the heap meanwhile. */
async function unpack(...layers: AsyncIterable<Buffer>[]) {
  const { path: folder, remove } = tempFolder();
  gc();
  const before = process.memoryUsage().heapUsed;
  let most = 0;
  let chunks = 0;
  async function* measured(layer: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of layer) {
      if (++chunks % times(4000, 50_000) === 0) {
        gc();
        most = Math.max(most, process.memoryUsage().heapUsed - before);
      }
      yield chunk;
    }
  }
  try {
    await unpackLayers(layers.map(measured), folder, LIMITS, signal);
    return { most, error: undefined };
  } catch (error) {
    return { most, error };
  } finally {
    remove();
  }
}

const LONG = 'x'.repeat(4000);
const DEEP = 'd/'.repeat(100);

const BOMBS: Readonly<Record<string, (i: number) => TarFile[]>> = {
  'links with long targets': (i) => [pax({ linkpath: LONG }), { path: `l${i}`, type: '2' }],
  'links with long targets in two-byte characters': (i) => [
    pax({ linkpath: `\u20ac${'x'.repeat(4000)}` }),
    { path: `l${i}`, type: '2' },
  ],
  'empty files': (i) => [{ path: `f${i}` }],
  'files of which each needs a hundred folders': (i) => [
    { path: 'x', type: 'x', content: '' },
    pax({ path: `${i}/${DEEP}f` }),
    { path: 'f' },
  ],
  'names that are a small part of a long path': (i) => [
    pax({ path: `${'./'.repeat(1900)}a-name-long-enough-to-be-kept-${i}` }),
    { path: 'l', type: '2', target: 'x' },
  ],
  'second names of one file': (i) =>
    i === 0 ? [{ path: 'one' }] : [pax({ path: `${DEEP}n${i}` }), { path: 'n', type: '1', target: 'one' }],
  'folders in folders through a link': (i) =>
    i === 0 ? [{ path: 'l', type: '2', target: 'a/'.repeat(40) }] : [{ path: `l/${i}/f` }],
};

for (const [name, entry] of Object.entries(BOMBS)) {
  test(`an image of ${name} is refused before it fills the memory`, async () => {
    const { most, error } = await unpack(archive(entry));
    assert.ok(error instanceof OpenShellError, String(error));
    assert.equal(error.reason, 'ImageTooLarge');
    assert.ok(most < MOST_GROWTH_BYTES, `${most / MIB} MiB more`);
  });
}

test('links that lead on and on are refused before they cost hours', async () => {
  const around = 'a/../'.repeat(60);
  const { error } = await unpack(
    archive((i) => {
      if (i < 30) {
        return [{ path: `l${i}`, type: '2', target: i === 0 ? 'a' : `${around.slice(0, 90)}l${i - 1}` }];
      }
      if (i === 30) {
        return [{ path: 'a/', type: '5' }];
      }
      return [{ path: 'l29/f' }];
    }),
  );
  assert.ok(error instanceof OpenShellError, String(error));
  assert.match(error.message, /lead on and on/);
});

test('a whiteout that is written again and again is carried out once a layer', { timeout: 60_000 }, () => {
  const tree = createTree({ maxEntries: 1_000_000, maxBytes: 256 * MIB });
  const file = { mode: 0o644, uid: 0, gid: 0, mtimeMs: 0, layer: 1 };
  tree.add('d/old', treeNode('file', file));
  for (let i = 0; i < 100_000; i++) {
    tree.add(`d/f${i}`, treeNode('file', { ...file, layer: 2 }));
  }
  // A walk through the files for each of them would be 20,000 million steps, and take minutes.
  for (let i = 0; i < 100_000; i++) {
    assert.ok(tree.whiteout('d/.wh..wh..opq', 2));
    assert.ok(tree.whiteout('.wh.d', 2));
  }
  assert.equal(tree.root.children?.get('d')?.children?.size, 100_000);
});

const name = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'b', 'c', '..', '.', '.wh.a', '.wh.', '.wh..wh..opq', 'd"q', 'x\\'),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 300, unit: 'binary' }) },
);
const path = fc.array(name, { maxLength: 6 }).map((parts) => parts.join('/'));
const entry = fc.oneof(
  fc.record({
    path,
    type: fc.constantFrom('0', '1', '2', '4', '5'),
    target: path,
    content: fc.string({ maxLength: 20 }),
    mode: fc.nat(0o7777),
    uid: fc.nat(70_000),
    gid: fc.nat(70_000),
  }) as fc.Arbitrary<TarFile>,
  fc
    .dictionary(fc.constantFrom('path', 'linkpath', 'size', 'uid', 'mtime', 'x'), fc.oneof(path, fc.string()))
    .map(pax),
);

test('any entries in any layers are a tree or an OpenShellError, and nothing lands outside', async () => {
  const runs = times(1000, 100_000);
  const { path: base, remove } = tempFolder();
  let number = 0;
  gc();
  const before = process.memoryUsage().heapUsed;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(entry, { maxLength: 12 }), { maxLength: 3 }), async (layers) => {
        const folder = join(base, String(number++));
        await mkdir(folder);
        try {
          const { ownership } = await unpackLayers(
            layers.map((files) =>
              (async function* () {
                yield writeTar(files);
              })(),
            ),
            folder,
            { maxBytes: MIB, maxEntries: 100 },
            signal,
          );
          for (const { path: owned } of ownership) {
            assert.ok(owned.startsWith('/'));
          }
        } catch (error) {
          assert.ok(error instanceof OpenShellError, String(error));
        } finally {
          await rm(folder, { recursive: true, force: true });
        }
      }),
      { numRuns: runs },
    );
    gc();
    assert.ok(process.memoryUsage().heapUsed - before < 64 * MIB);
  } finally {
    remove();
  }
});
