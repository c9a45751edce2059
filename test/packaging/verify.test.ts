import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { VERSION } from '../../dist/compute/version.js';
import {
  ARTIFACT_KINDS,
  type ArtifactKind,
  artifactName,
} from '../../dist-tools/flavor/package/artifacts.js';
import { readTar, writeTar } from '../../dist-tools/flavor/package/formats/tar.js';
import { run } from '../../dist-tools/flavor/run.js';
import { type Checkout, execute, ROOT } from '../flavor/checkout.js';
import { soak, times } from '../support/soak.js';
import { type Made, openYard } from './made.js';
import { agree, Bench, CONSISTENT, changes, mutate, Random } from './mutants.js';

const FLAVOR = 'docker';
const SEED = Number(process.env.OPENSHELL_MUTANTS_SEED ?? 1);

const yard = openYard();
const keys = generateKeyPairSync('ed25519');
function pem(key: KeyObject): string {
  return String(key.export({ type: key.type === 'private' ? 'pkcs8' : 'spki', format: 'pem' }));
}

let checkout: Checkout;
let made: Made;
let publicKey: string;
let manifest: string;

/** All of a flavor, packaged and signed by the tool of a checkout: a rebuild runs that tool as well. */
before(async () => {
  checkout = yard.checkout();
  cpSync(join(ROOT, 'tools'), join(checkout.root, 'tools'), {
    recursive: true,
    filter: (from) => basename(from) !== 'node_modules',
  });
  const out = yard.folder();
  const folder = yard.folder();
  const privateKey = join(folder, 'key.pem');
  writeFileSync(privateKey, pem(keys.privateKey), { mode: 0o600 });
  publicKey = join(folder, 'key.pub');
  writeFileSync(publicKey, pem(keys.publicKey));
  const { status, stdout, stderr } = await checkout.node(
    ['tools/flavor/openshell-flavor.mjs', 'package', FLAVOR, '--out', out, '--sign-key', privateKey],
    { SOURCE_DATE_EPOCH: '1700000000' },
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^signed by +ed25519 sha256:[0-9a-f]{64}$/m);
  const base = `openshell-gateway-${FLAVOR}-${VERSION}`;
  manifest = join(out, `${base}.manifest.json`);
  const platform = `${process.platform}-${process.arch}`;
  const path = (kind: ArtifactKind) => join(out, artifactName(kind, base, platform));
  made = { out, path, manifest: JSON.parse(readFileSync(manifest, 'utf8')) };
});
after(() => yard.close());

async function flavor(...argv: string[]) {
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  const status = await run({
    root: ROOT,
    cwd: made.out,
    argv,
    print: (line) => lines.stdout.push(line),
    progress: (line) => lines.stderr.push(line),
  });
  return { status, stdout: lines.stdout.join('\n'), stderr: lines.stderr.join('\n') };
}

function verify(...argv: string[]) {
  return flavor('verify', '--present', FLAVOR, ...argv);
}

function all() {
  return ARTIFACT_KINDS.map((kind) => made.path(kind));
}

/** The control: what nobody changed is accepted, with the key. */
async function acceptsAll(): Promise<void> {
  const { status, stdout } = await verify(...all(), '--key', publicKey);
  assert.equal(status, 0, stdout);
}

test('every artifact is its manifest, whose key is named', async () => {
  const { status, stdout, stderr } = await verify(...all());
  assert.equal(status, 0, stdout);
  assert.equal(stdout.match(/files +present +holds/g)?.length, ARTIFACT_KINDS.length, stdout);
  assert.match(stderr, /use --key or --rebuild to verify/);
  const signed = await verify(made.path('bundle'), '--key', publicKey);
  const der = keys.publicKey.export({ type: 'spki', format: 'der' });
  const digest = await execute(
    'sh',
    ['-c', `printf %s ${der.toString('base64')} | base64 -d | sha256sum`],
    ROOT,
  );
  assert.ok(signed.stdout.includes(`signed by ed25519 sha256:${digest.stdout.slice(0, 64)}`), signed.stdout);
});

test('the signature is what other tools take for one', async (t) => {
  const folder = yard.folder();
  writeFileSync(join(folder, 'sig'), Buffer.from(readFileSync(`${manifest}.sig`, 'latin1'), 'base64'));
  const { status, stdout, stderr } = await execute(
    'openssl',
    [
      'pkeyutl',
      '-verify',
      '-pubin',
      '-inkey',
      publicKey,
      '-rawin',
      '-sigfile',
      join(folder, 'sig'),
      '-in',
      manifest,
    ],
    folder,
  ).catch(() => ({ status: -1, stdout: '', stderr: '' }));
  if (status === -1 && process.env.CI !== 'true') {
    return t.skip('openssl is not here');
  }
  assert.equal(status, 0, stdout + stderr);
});

test('a mutant of an artifact is refused, whatever was changed', async (t) => {
  const bench = new Bench(made, new Random(SEED));
  const survivors: string[] = [];
  const count = times(80, 1_000);
  for (const [index, change] of changes(count, bench.random).entries()) {
    try {
      const { what, path } = mutate(bench, change);
      const { status, stdout } = await verify(path);
      if (status !== 1) {
        survivors.push(`${what}: ${status}\n${stdout}`);
      }
    } finally {
      bench.restore();
    }
    if (index % 100 === 99) {
      await acceptsAll();
    }
  }
  await acceptsAll();
  t.diagnostic(`${count - survivors.length} of ${count} refused, seed ${SEED}`);
  assert.deepEqual(survivors, []);
});

test('a mutant whose manifest agrees is refused with the key, and with nothing but the key', async (t) => {
  const bench = new Bench(made, new Random(SEED));
  const survivors: string[] = [];
  const count = times(6, 100);
  for (let index = 0; index < count; index++) {
    const kind = ARTIFACT_KINDS[index % ARTIFACT_KINDS.length] as ArtifactKind;
    try {
      const change = CONSISTENT[index % CONSISTENT.length] as (typeof CONSISTENT)[0];
      const { what, path } = mutate(bench, {
        kind: kind === 'image' || kind === 'tgz' ? 'folder' : kind,
        change,
      });
      agree(bench, kind === 'image' || kind === 'tgz' ? 'folder' : kind);
      const unsigned = await verify(path);
      assert.match(unsigned.stdout, /files +present +holds/, `${what}: the manifest agrees`);
      const { status, stdout } = await verify(path, '--key', publicKey);
      if (status !== 1 || !/signature +present +violated/.test(stdout)) {
        survivors.push(`${what}: ${status}\n${stdout}`);
      }
    } finally {
      bench.restore();
    }
  }
  await acceptsAll();
  t.diagnostic(`${count - survivors.length} of ${count} refused, seed ${SEED}`);
  assert.deepEqual(survivors, []);
});

test('with a key, a signature that is missing, another one or written otherwise is refused', async () => {
  const bench = new Bench(made, new Random(SEED));
  const file = `${manifest}.sig`;
  const text = readFileSync(file, 'latin1');
  const bytes = Buffer.from(text, 'base64');
  const other = join(yard.folder(), 'other.pub');
  writeFileSync(other, pem(generateKeyPairSync('ed25519').publicKey));
  const wrong: [string, () => void, string][] = [
    ['missing', () => void bench.remove(file), publicKey],
    ['empty', () => bench.write(file, ''), publicKey],
    ['cut', () => bench.truncate(file, 40), publicKey],
    ['with a space', () => bench.write(file, `${text} `), publicKey],
    [
      'one bit',
      () => bench.write(file, `${bytes.fill((bytes[0] as number) ^ 1, 0, 1).toString('base64')}\n`),
      publicKey,
    ],
    ['large', () => bench.write(file, text.repeat(1_000)), publicKey],
    ['by another key', () => {}, other],
  ];
  const unreadable = ['missing', 'large'];
  for (const [what, change, key] of wrong) {
    try {
      change();
      const { status, stdout } = await verify(made.path('bundle'), '--key', key);
      assert.equal(status, 1, `${what}\n${stdout}`);
      assert.match(stdout, /signature +present +violated/, what);
      assert.match(
        stdout,
        unreadable.includes(what)
          ? /is missing or not a signature/
          : /is not a signature of .* by ed25519 sha256:/,
      );
    } finally {
      bench.restore();
    }
  }
  await acceptsAll();
});

test('a key that is not what it should be is refused by name, and nothing of it is printed', async () => {
  const folder = yard.folder();
  const write = (name: string, text: string, mode = 0o600): string => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
    return join(folder, name);
  };
  const secret = pem(keys.privateKey);
  const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  const words = secret.split('\n')[1] as string;
  const [first] = words.match(/.{16}$/) as RegExpMatchArray;
  const cases: [string, string[], RegExp][] = [
    [
      'private for public',
      ['verify', made.path('bundle'), '--present', FLAVOR, '--key', write('a', secret)],
      /private key/,
    ],
    [
      'no key',
      ['verify', made.path('bundle'), '--present', FLAVOR, '--key', write('b', 'x')],
      /contain a public key/,
    ],
    [
      'readable by others',
      ['package', FLAVOR, '--out', folder, '--sign-key', write('c', secret, 0o644)],
      /chmod 600/,
    ],
    ['RSA', ['package', FLAVOR, '--out', folder, '--sign-key', write('d', rsa)], /is rsa/],
    [
      'damaged',
      ['package', FLAVOR, '--out', folder, '--sign-key', write('e', secret.replace(words, first))],
      /contain a private key/,
    ],
    ['missing', ['package', FLAVOR, '--out', folder, '--sign-key', join(folder, 'none')], /cannot be read/],
  ];
  for (const [what, argv, message] of cases) {
    const { status, stdout, stderr } = await flavor(...argv);
    assert.ok(status === 2 || status === 3, `${what}: ${status}`);
    assert.match(stderr, message, what);
    assert.ok(!`${stdout}${stderr}`.includes(first), what);
  }
});

test('without a manifest nothing is proven; the markers alone are looked for on demand', async () => {
  const bench = new Bench(made, new Random(SEED));
  try {
    bench.remove(manifest);
    const { status, stdout } = await verify(made.path('folder'), made.path('bundle'));
    assert.equal(status, 3);
    assert.equal(stdout.match(/there is no manifest/g)?.length, 2, stdout);
    assert.equal((await verify(made.path('folder'), '--without-manifest')).status, 0);
    assert.equal((await verify(made.path('folder'), '--without-manifest', '--key', publicKey)).status, 2);
    assert.equal((await verify(made.path('folder'), '--source', ROOT)).status, 2);
  } finally {
    bench.restore();
  }
  const elsewhere = join(yard.folder(), 'm.json');
  cpSync(manifest, elsewhere);
  assert.equal((await verify(made.path('bundle'), '--manifest', elsewhere)).status, 0);
});

test('a rebuild gives the same bytes, and finds what a manifest without a signature agrees with', async () => {
  const bench = new Bench(made, new Random(SEED));
  const { path } = made;
  const again = (...argv: string[]) => verify(...argv, '--rebuild', '--source', checkout.root);
  const archive = readTar(gunzipSync(readFileSync(path('tgz'))));
  const hidden = {
    type: 'file',
    path: `${basename(path('folder'))}/hidden.js`,
    bytes: Buffer.from('//'),
  } as const;

  // One rebuild shows all three: the bundle is as it was, folder and archive are not.
  bench.append(join(path('folder'), 'dist/main.js'), '\n//');
  agree(bench, 'folder');
  bench.write(path('tgz'), gzipSync(writeTar([...archive, hidden], 1_700_000_000)));
  agree(bench, 'tgz');
  const { status, stdout, stderr } = await again(path('folder'), path('tgz'), path('bundle'));
  assert.equal(status, 1, stdout + stderr);
  const [folder = '', tgz = '', bundle = ''] = stdout.split(/^(?=\S)/m);
  for (const one of [folder, tgz, bundle]) {
    assert.match(one, /files +present +holds/);
  }
  assert.match(folder, /rebuild +present +violated/);
  assert.match(folder, /dist\/main\.js has \d+ bytes instead of \d+/);
  assert.match(tgz, /rebuild +present +violated/);
  assert.match(tgz, /\/hidden\.js is in it but not in the rebuilt one/);
  assert.match(bundle, /rebuild +present +holds/);
  bench.restore();

  const other = { ...JSON.parse(readFileSync(manifest, 'utf8')), build: 'f'.repeat(40) };
  bench.write(manifest, JSON.stringify(other));
  const unproven = await again(path('folder'));
  assert.equal(unproven.status, 3, unproven.stdout);
  assert.match(unproven.stdout, /built from f{40}, but .* is at unknown/);
  bench.restore();

  if (!soak) {
    return;
  }
  checkout.write(
    'src/compute/version.ts',
    `${checkout.read('src/compute/version.ts')}export const added = 1;\n`,
  );
  const changed = await again(path('tgz'));
  assert.equal(changed.status, 1, changed.stdout + changed.stderr);
  assert.match(changed.stdout, /it was built from different sources/);
  assert.match(changed.stdout, /dist\/compute\/version\.js in it differs from the rebuilt one/);
});
