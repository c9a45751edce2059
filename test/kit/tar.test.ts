import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeTarHeader } from '../../dist/kit/tar/header.js';
import { readTar, readTarBuffer, type TarLimits } from '../../dist/kit/tar/read.js';
import { type TarFile, type TarStream, writeTar, writeTarBuffer } from '../../dist/kit/tar/write.js';
import { inFolder } from '../support/folder.js';
import { toArray } from '../support/streams.js';

const named = { mode: 0o640, uid: 1000, gid: 1000, mtimeSeconds: 1_700_000_000 };
function file(path: string, content = ''): TarFile & { type: 'file' } {
  return {
    ...named,
    type: 'file',
    path,
    bytes: Buffer.from(content),
  };
}

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) {
    yield Buffer.from(bytes.subarray(at, at + length));
  }
}

async function readAll(archive: Uint8Array, length = 64 * 1024, limits: TarLimits = {}) {
  const entries = [];
  for await (const { content, ...info } of readTar(pieces(archive, length), limits)) {
    entries.push({ ...info, bytes: Buffer.concat(await toArray(content)) });
  }
  return entries;
}

test('what is written is what is read, in pieces of any length, from memory and from a stream', async () => {
  const word = fc.stringMatching(/^[a-zäß€]{1,12}$/);
  const path = fc.array(word, { minLength: 1, maxLength: 30 }).map((words) => words.join('/'));
  const about = fc.record({
    path,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    mtimeSeconds: fc.integer({ min: 0, max: 2 ** 34 - 1 }),
  });
  const entry: fc.Arbitrary<TarFile> = fc.oneof(
    fc.tuple(about, fc.uint8Array({ maxLength: 2_000 })).map(([a, bytes]) => ({
      ...a,
      type: 'file' as const,
      bytes,
    })),
    about.map((a) => ({ ...a, type: 'directory' as const })),
    fc
      .tuple(about, path, fc.constantFrom('symlink' as const, 'hardlink' as const))
      .map(([a, target, type]) => ({ ...a, type, target })),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { maxLength: 6 }),
      fc.integer({ min: 1, max: 3_000 }),
      async (all, n) => {
        const archive = writeTarBuffer(all);
        const expected = all.map((one) => ({
          path: one.type === 'directory' ? `${one.path}/` : one.path,
          type: one.type,
          mode: one.mode,
          uid: one.uid,
          gid: one.gid,
          mtimeMs: one.mtimeSeconds * 1000,
          target: one.type === 'file' ? '' : (one.target ?? ''),
          sizeBytes: one.type === 'file' ? one.bytes.length : 0,
          bytes: Buffer.from(one.type === 'file' ? one.bytes : []),
        }));
        assert.deepEqual(await readAll(archive, n), expected);
        assert.deepEqual(readTarBuffer(archive), expected);
        const streamed: Uint8Array[] = [];
        const streams = all.map(
          (one): TarStream =>
            one.type === 'file' ? { ...one, sizeBytes: one.bytes.length, content: [one.bytes] } : one,
        );
        for await (const part of writeTar(streams)) {
          streamed.push(part);
        }
        assert.ok(Buffer.concat(streamed).equals(archive));
      },
    ),
    { numRuns: 60 },
  );
});

test('tar itself unpacks what is written: modes, times, links, long names', () =>
  inFolder((folder) => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(120)}`;
    const archive = writeTarBuffer([
      { ...named, type: 'directory', path: 'd'.repeat(120), mode: 0o750 },
      file(long, 'long'),
      { ...named, type: 'symlink', path: 'link', target: `${'t'.repeat(150)}` },
      { ...named, type: 'hardlink', path: 'again', target: long },
    ]);
    execFileSync('tar', ['-xf', '-', '-C', folder, '--no-same-owner'], { input: archive });
    assert.equal(readFileSync(join(folder, 'again'), 'utf8'), 'long');
    assert.equal(readlinkSync(join(folder, 'link')), 't'.repeat(150));
    const { mode, mtimeMs, nlink } = lstatSync(join(folder, long));
    assert.deepEqual([mode & 0o777, mtimeMs, nlink], [0o640, 1_700_000_000_000, 2]);
  }));

test('what tar itself writes is read, in each of its formats', async () => {
  for (const format of ['ustar', 'gnu', 'pax', 'v7']) {
    await inFolder(async (folder) => {
      const name = format === 'v7' ? 'name' : `${'p'.repeat(90)}/${'n'.repeat(90)}`;
      if (format !== 'v7') {
        mkdirSync(join(folder, 'p'.repeat(90)));
      }
      writeFileSync(join(folder, name), 'content', { mode: 0o600 });
      const archive = execFileSync('tar', [`--format=${format}`, '-C', folder, '-cf', '-', name]);
      const [entry] = await readAll(archive, 100);
      assert.deepEqual([entry?.path, entry?.mode, entry?.bytes.toString()], [name, 0o600, 'content'], format);
    });
  }
});

test('a size over 8 GiB is written, read and skipped', async () => {
  const sizeBytes = 9 * 1024 ** 3;
  const header = { name: 'big', prefix: '', ...named, sizeBytes, type: '0', target: '' };
  // It lists the entry, and then misses its bytes.
  const listed = spawnSync('tar', ['-tvf', '-'], { input: encodeTarHeader(header), encoding: 'utf8' }).stdout;
  assert.match(listed, / 9663676416 /);
  for await (const entry of readTar(pieces(encodeTarHeader(header), 512))) {
    assert.equal(entry.sizeBytes, sizeBytes);
    break;
  }
});

test('a limit, a lie or a cut is the error of the caller', async () => {
  class Refused extends Error {}
  const limits = { maxPathBytes: 20, maxHeaderBytes: 600, broken: (why: string) => new Refused(why) };
  const whole = writeTarBuffer([file('a', 'x'.repeat(600))]);
  const badSum = Buffer.from(whole);
  badSum[0] = 0x62;
  const cases: [Uint8Array, RegExp][] = [
    [whole.subarray(0, 300), /middle of an entry/],
    [whole.subarray(0, 700), /middle of/],
    [badSum, /checksum/],
    [writeTarBuffer([file('p'.repeat(21))]), /too long/],
    [writeTarBuffer([file('p'.repeat(700))]), /header is too long/],
  ];
  for (const [archive, message] of cases) {
    const refused = (error: Error) => error instanceof Refused && message.test(error.message);
    await assert.rejects(readAll(archive, 100, limits), refused, String(message));
    assert.throws(() => readTarBuffer(Buffer.from(archive), limits), refused, String(message));
  }
  await assert.rejects(readAll(badSum), /not a complete tar archive/);
});

test('a file that is not as long as it said is an error of who wrote it', async () => {
  for (const content of ['', 'abc']) {
    const entry = { ...file('a'), sizeBytes: 2, content: [Buffer.from(content)] };
    await assert.rejects(async () => {
      for await (const _ of writeTar([entry])) {
      }
    }, /'a' has (more|fewer) than 2 bytes/);
  }
});
