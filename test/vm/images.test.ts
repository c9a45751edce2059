import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import { writeCpio } from '../../dist/drivers/vm/process/guest/cpio.js';
import { imageEntries } from '../../dist/drivers/vm/process/images/layout.js';
import { createLibrary } from '../../dist/drivers/vm/process/images/library.js';
import { unpackLayers } from '../../dist/drivers/vm/process/images/unpack.js';
import { inFolder } from '../support/folder.js';
import { type TarFile, writeTar } from './tar-writer.js';

const signal = AbortSignal.timeout(120_000);
const LIMITS = { maxBytes: 1024 * 1024, maxEntries: 1000 };

async function* one(bytes: Uint8Array): AsyncGenerator<Buffer> {
  yield Buffer.from(bytes);
}

function unpack(folder: string, ...layers: TarFile[][]) {
  return unpackLayers(
    layers.map((files) => one(writeTar(files))),
    folder,
    LIMITS,
    signal,
  );
}

test('later layers replace, whiteouts hide what is below them and nothing of their own layer', () =>
  inFolder(async (folder) => {
    const { directory } = await unpack(
      folder,
      [
        { path: 'a', content: 'old' },
        { path: 'gone', content: 'x' },
        { path: 'dir/', type: '5', mode: 0o755 },
        { path: 'dir/below', content: 'x' },
      ],
      [
        { path: 'dir/mine', content: 'mine' },
        { path: 'dir/.wh..wh..opq' },
        { path: 'a', content: 'new' },
        { path: '.wh.gone' },
        { path: '.wh.never-there' },
      ],
    );
    assert.deepEqual((await readdir(directory)).sort(), ['a', 'dir']);
    assert.deepEqual(await readdir(join(directory, 'dir')), ['mine']);
    assert.equal(await readFile(join(directory, 'a'), 'utf8'), 'new');
  }));

test('nothing of a layer leads out of the folder', () =>
  inFolder(async (folder) => {
    const outside = join(folder, 'outside');
    await mkdir(outside);
    const { directory } = await unpack(folder, [
      { path: '../../escaped', content: 'x' },
      { path: '/absolute', content: 'x' },
      { path: 'link', type: '2', target: outside },
      { path: 'link/through', content: 'x' },
      { path: 'up', type: '2', target: '../../../../../..' },
      { path: 'up/tmp-file', content: 'x' },
    ]);
    assert.deepEqual(await readdir(outside), []);
    assert.ok(!existsSync(join(folder, '..', 'escaped')));
    assert.ok(existsSync(join(directory, 'escaped')) && existsSync(join(directory, 'absolute')));
    assert.ok(existsSync(join(directory, outside, 'through')), 'the link means a place inside');
    assert.equal(await readlink(join(directory, 'link')), outside);
    assert.ok(existsSync(join(directory, 'tmp-file')));
  }));

test('no device, no set-uid bit on the host; owners and modes are told', () =>
  inFolder(async (folder) => {
    const { directory, ownership } = await unpack(folder, [
      { path: 'dev/sda', type: '4' },
      { path: 'su', mode: 0o4755, content: 'x' },
      { path: 'home', type: '5', mode: 0o700, uid: 1000, gid: 1001 },
      { path: 'su2', type: '1', target: 'su' },
    ]);
    assert.ok(!existsSync(join(directory, 'dev/sda')));
    assert.equal((await lstat(join(directory, 'su'))).mode & 0o7777, 0o755);
    assert.equal((await stat(join(directory, 'su'))).ino, (await stat(join(directory, 'su2'))).ino);
    const told = new Map([...ownership].map((entry) => [entry.path, entry]));
    assert.equal(told.get('/su')?.mode, 0o104755);
    assert.equal(told.get('/su2')?.mode, 0o104755);
    assert.deepEqual([told.get('/home')?.uid, told.get('/home')?.gid], [1000, 1001]);
  }));

test('links in a circle and archives that are too large are refused', () =>
  inFolder(async (folder) => {
    const circle = unpack(folder, [
      { path: 'a', type: '2', target: 'b' },
      { path: 'b', type: '2', target: 'a' },
      { path: 'a/x', content: 'x' },
    ]);
    await assert.rejects(circle, { code: Code.FAILED_PRECONDITION });
    const many = Array.from({ length: 1001 }, (_, i) => ({ path: `f${i}` }));
    await mkdir(join(folder, 'second'));
    await assert.rejects(unpack(join(folder, 'second'), many), { code: Code.RESOURCE_EXHAUSTED });
  }));

test('owners, sizes and links that cannot be are refused, times that no disk can keep are bent', () =>
  inFolder(async (folder) => {
    const withHeader = (record: string): TarFile[] => {
      const text = ` ${record}\n`;
      const digits = String(text.length + 2).length;
      const content = `${text.length + digits}${text}`;
      return [
        { path: 'pax', type: 'x', content },
        { path: 'a', content: 'x' },
      ];
    };
    const taken = async (name: string, record: string) => {
      await mkdir(join(folder, name));
      return unpack(join(folder, name), withHeader(record));
    };
    for (const [i, record] of [
      'uid=none',
      'uid=-1',
      'gid=4294967296',
      'size=0x10',
      'mtime=soon',
      `linkpath=${'a/'.repeat(300_000)}`,
    ].entries()) {
      await assert.rejects(taken(`bad-${i}`, record), {
        code: Code.FAILED_PRECONDITION,
        reason: 'ImageInvalid',
      });
    }
    const { directory } = await taken('late', 'mtime=99999999999999999999');
    assert.ok((await stat(join(directory, 'a'))).mtimeMs > Date.now());
    const { directory: early } = await taken('early', 'mtime=-12.5');
    assert.equal((await stat(join(early, 'a'))).mtimeMs, 0);
  }));

test('an archive of headers without end is refused, and one that is not wanted any more is let go', async () => {
  const header = writeTar([{ path: 'a', type: 'x' }]).subarray(0, 512);
  const block = Buffer.concat(Array.from({ length: 256 }, () => header));
  let blocks = 0;
  const endless = async function* () {
    for (;;) {
      blocks++;
      yield block;
    }
  };
  await inFolder((folder) =>
    assert.rejects(unpackLayers([endless()], folder, LIMITS, signal), { code: Code.RESOURCE_EXHAUSTED }),
  );
  assert.ok(blocks < 100);
  const cancel = new AbortController();
  const cancelled = async function* () {
    yield block;
    cancel.abort();
    for (;;) {
      yield block;
    }
  };
  await inFolder((folder) =>
    assert.rejects(unpackLayers([cancelled()], folder, { ...LIMITS, maxBytes: 1e12 }, cancel.signal), {
      name: 'AbortError',
    }),
  );
});

test('any bytes at all are an archive or an OpenShellError', async () => {
  const whole = writeTar([
    { path: 'a', content: 'some content' },
    { path: 'b/', type: '5' },
  ]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255))), async (changes) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) {
        bytes[at] = value;
      }
      try {
        for await (const entry of imageEntries(one(bytes))) {
          for await (const _ of entry.content) {
          }
        }
      } catch (error) {
        assert.ok(error instanceof OpenShellError);
      }
    }),
  );
});

const hasTools = existsSync('/usr/sbin/mke2fs') || existsSync('/sbin/mke2fs');
const disks = { skip: hasTools ? false : 'mke2fs is not here' };

function libraryIn(folder: string, cacheMib = 512) {
  return createLibrary({
    imageDir: join(folder, 'images'),
    cacheDir: join(folder, 'cache'),
    cacheMib,
    freeMib: 16,
    pullPolicy: 'never',
    registry: { resolve: () => Promise.reject(new Error('never asked')) },
  });
}

test('a directory, an archive and an OCI layout become disks, made once', disks, () =>
  inFolder(async (folder) => {
    const images = join(folder, 'images');
    await mkdir(join(images, 'plain', 'etc'), { recursive: true });
    await writeFile(join(images, 'plain', 'etc', 'hello'), 'hello');
    const layer = gzipSync(writeTar([{ path: 'etc/hello', content: 'hello' }]));
    await writeFile(join(images, 'packed.tar.gz'), layer);

    const blobs = join(images, 'layout', 'blobs', 'sha256');
    await mkdir(blobs, { recursive: true });
    const put = async (bytes: Buffer) => {
      const digest = createHash('sha256').update(bytes).digest('hex');
      await writeFile(join(blobs, digest), bytes);
      return { digest: `sha256:${digest}`, size: bytes.length };
    };
    const config = await put(Buffer.from(JSON.stringify({ config: { User: '7', Env: ['A=b=c'] } })));
    const manifest = await put(Buffer.from(JSON.stringify({ config, layers: [await put(layer)] })));
    await writeFile(join(images, 'layout', 'index.json'), JSON.stringify({ manifests: [manifest] }));

    const library = libraryIn(folder);
    for (const name of ['plain', 'packed', 'layout']) {
      const first = await library.rootDisk(name, () => {}, signal);
      const { ino } = await stat(first.path);
      const [again, more] = await Promise.all([
        library.rootDisk(name, () => {}, signal),
        library.rootDisk(name, () => {}, signal),
      ]);
      assert.deepEqual([(await stat(again.path)).ino, more.path], [ino, first.path], name);
      if (name === 'layout') {
        assert.deepEqual(first.config, { user: '7', environment: { A: 'b=c' } });
      }
    }
    assert.equal((await readdir(join(folder, 'cache'))).filter((file) => file.endsWith('.ext4')).length, 3);

    await writeFile(join(blobs, manifest.digest.slice(7)), '{}');
    await writeFile(join(images, 'layout', 'index.json'), `${JSON.stringify({ manifests: [manifest] })} `);
    await assert.rejects(
      library.rootDisk('layout', () => {}, signal),
      /does not match its digest/,
    );
  }),
);

test('names that are none, and that lead elsewhere', () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, 'images'));
    await writeFile(join(folder, 'secret'), 'x');
    const library = libraryIn(folder);
    for (const name of ['../secret', '/etc', 'a/../../secret', '.', '']) {
      await assert.rejects(
        library.rootDisk(name, () => {}, signal),
        { code: Code.INVALID_ARGUMENT },
        name,
      );
    }
    await assert.rejects(
      library.rootDisk('nothing', () => {}, signal),
      { reason: 'ImagePullFailed', hint: /image_pull_policy/ },
    );
  }));

test('the disk that was not used for longest goes when there is no room', disks, () =>
  inFolder(async (folder) => {
    const images = join(folder, 'images');
    for (const name of ['one', 'two']) {
      await mkdir(join(images, name), { recursive: true });
      await writeFile(join(images, name, 'data'), Buffer.alloc(3 * 1024 * 1024, name));
    }
    const library = libraryIn(folder, 4);
    const first = await library.rootDisk('one', () => {}, signal);
    const second = await library.rootDisk('two', () => {}, signal);
    assert.deepEqual([existsSync(first.path), existsSync(second.path)], [false, true]);
  }),
);

/** Asks for a disk in a process of its own, as after a restart of the driver. */
function diskInNewProcess(folder: string, name: string): { path: string; ino: number } {
  const script = `
    import { statSync } from 'node:fs';
    import { createLibrary } from ${JSON.stringify(import.meta.resolve('../../dist/drivers/vm/process/images/library.js'))};
    const library = createLibrary({
      imageDir: ${JSON.stringify(join(folder, 'images'))}, cacheDir: ${JSON.stringify(join(folder, 'cache'))},
      cacheMib: 512, freeMib: 16, pullPolicy: 'never', registry: undefined,
    });
    const { path } = await library.rootDisk(${JSON.stringify(name)}, () => {}, AbortSignal.timeout(60_000));
    console.log(JSON.stringify({ path, ino: statSync(path).ino }));`;
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }),
  );
}

test('a disk that was damaged while no driver ran is made anew, a whole one is not', disks, () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, 'images', 'plain'), { recursive: true });
    await writeFile(join(folder, 'images', 'plain', 'data'), 'what stands on the disk '.repeat(1000));
    const made = diskInNewProcess(folder, 'plain');
    assert.deepEqual(diskInNewProcess(folder, 'plain'), made);
    const bytes = await readFile(made.path);
    const at = bytes.indexOf('what stands on the disk');
    assert.ok(at > 0);
    await chmod(made.path, 0o600);
    const disk = await open(made.path, 'r+');
    await disk.write('X', at + 1000);
    await disk.close();
    // The damaged one is kept elsewhere, so that its number is not used again.
    await link(made.path, join(folder, 'damaged'));
    const anew = diskInNewProcess(folder, 'plain');
    assert.notEqual(anew.ino, made.ino);
    assert.ok((await readFile(anew.path)).includes('what stands on the disk '.repeat(1000)));
  }),
);

test('the same entries give the same initramfs', () => {
  const entries = [{ path: 'init', mode: 0o100755, data: Buffer.from('program') }];
  assert.deepEqual(writeCpio(entries), writeCpio(entries));
  assert.match(writeCpio(entries).toString('latin1'), /^070701.*init\0.*program.*TRAILER!!!/s);
});
