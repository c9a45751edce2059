import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { directoryTar, firstTarEntry } from '../../dist/drivers/container/tar.js';
import { tempFolder } from '../support/folder.js';

function first(archive: Buffer, limit = 1_000) {
  return firstTarEntry(Readable.from([archive]), limit);
}

test('a directory as tar itself reads it', () => {
  const archive = directoryTar('work', { uid: 1000, gid: 2_097_152, mode: 0o750 });
  const listed = execFileSync('tar', ['--numeric-owner', '-tvf', '-'], { input: archive, encoding: 'utf8' });
  assert.match(listed, /^drwxr-x--- 1000\/2097152 .* work\/\n$/);
});

test('a directory as it is read back', async () => {
  for (const uid of [0, 1000, 2_097_151, 2_097_152, 4_294_967_294]) {
    const entry = await first(directoryTar('work', { uid, gid: uid, mode: 0o1777 }));
    assert.deepEqual([entry?.uid, entry?.gid, entry?.mode], [uid, uid, 0o1777]);
  }
});

test('a file behind extended headers, in small pieces', async () => {
  const { path: folder, remove } = tempFolder();
  try {
    writeFileSync(join(folder, 'passwd'), 'root:x:0:0::/root:/bin/sh\n', { mode: 0o640 });
    const archive = execFileSync('tar', ['--format=pax', '-C', folder, '-c', 'passwd']);
    const bytes = [...archive].map((byte) => Buffer.from([byte]));
    const entry = await firstTarEntry(Readable.from(bytes), 9);
    assert.equal(entry?.content.toString(), 'root:x:0:');
    assert.equal(entry?.mode, 0o640);
  } finally {
    remove();
  }
});

test('nothing comes of an empty archive or of half of one', async () => {
  assert.equal(await first(Buffer.alloc(1_024)), undefined);
  assert.equal(await first(directoryTar('x', { uid: 0, gid: 0, mode: 0 }).subarray(0, 300)), undefined);
  assert.equal(await first(Buffer.alloc(0)), undefined);
});
