import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { partProjects } from '../../dist-tools/flavor/choose/projects.js';
import { readLock } from '../../dist-tools/flavor/lock-file.js';
import { ARTIFACT_KINDS } from '../../dist-tools/flavor/package/artifacts.js';
import { readFolder } from '../../dist-tools/flavor/package/files.js';
import { pinnedNode } from '../../dist-tools/flavor/package/release.js';
import { openArtifact, packagesIn } from '../../dist-tools/flavor/prove/artifact.js';
import { evidenceOf } from '../../dist-tools/flavor/prove/markers.js';
import { type Checkout, execute, ROOT } from '../flavor/checkout.js';
import { type Made, make, openYard } from './made.js';

const FLAVOR = 'docker';
const SQLITE = 'node_modules/@photostructure/sqlite';

const yard = openYard();
let checkout: Checkout;
let docker: Made;
let all: Made;
before(async () => {
  checkout = yard.checkout();
  const out = yard.folder();
  all = await make({ flavor: 'default', checkout, out });
  docker = await make({ flavor: FLAVOR, checkout, out });
});
after(() => yard.close());

function contents(folder: string): Map<string, Buffer> {
  return new Map(
    readFolder(folder).flatMap((entry) =>
      entry.type === 'file' ? [[entry.path, Buffer.from(entry.bytes)]] : [],
    ),
  );
}

test('a second packaging in another folder gives the same bytes, file by file', async () => {
  const again = await make({ flavor: FLAVOR, checkout: yard.checkout(), out: yard.folder() });
  const first = [...contents(docker.out)].filter(([path]) => !path.includes('-default-'));
  const second = contents(again.out);
  assert.deepEqual(
    first.map(([path]) => path),
    [...second.keys()],
  );
  const different = first.filter(([path, bytes]) => !second.get(path)?.equals(bytes)).map(([path]) => path);
  assert.deepEqual(different, []);
});

test('files that two flavors share have the same bytes in both', () => {
  const ofOneFlavor = ['dist/drivers.js', 'package.json'];
  const others = contents(all.path('folder'));
  const shared = [...contents(docker.path('folder'))].filter(
    ([path]) => others.has(path) && !ofOneFlavor.includes(path),
  );
  assert.ok(shared.length > 100);
  assert.deepEqual(
    shared.filter(([path, bytes]) => !others.get(path)?.equals(bytes)).map(([path]) => path),
    [],
  );
});

test('every artifact holds its driver, none of the others, and exactly what its SBOM lists', async () => {
  const paths = ARTIFACT_KINDS.map((kind) => docker.path(kind));
  const { status, stdout } = await checkout.flavor('verify', ...paths);
  assert.equal(status, 0, stdout);
  for (const { word } of partProjects(ROOT)) {
    const expected = [FLAVOR, 'store-sqlite'].includes(word) ? 'present' : 'absent';
    assert.equal(stdout.match(new RegExp(`${word} +${expected} +holds`, 'g'))?.length, paths.length, stdout);
  }
  assert.equal(stdout.match(/sbom +present +holds/g)?.length, paths.length, stdout);
  const control = await checkout.flavor('verify', ...ARTIFACT_KINDS.map((kind) => all.path(kind)));
  assert.equal(control.status, 0, control.stdout);
});

test('verify finds what should not be there, and what should', async () => {
  const found = await checkout.flavor('verify', docker.path('bundle'), '--absent', FLAVOR);
  assert.equal(found.status, 1, found.stdout);
  assert.match(found.stdout, /found: string 'openshell-compute-driver:docker'/);
  assert.match(found.stdout, /found: package node_modules\/dockerode/);
  const missing = await checkout.flavor('verify', docker.path('executable'), '--present', 'kubernetes');
  assert.equal(missing.status, 1, missing.stdout);
  assert.match(missing.stdout, /missing: string/);
});

test('a marker that the control does not hold proves nothing, and says so', async () => {
  const artifact = docker.path('bundle');
  const result = await checkout.flavor('verify', artifact, '--absent', 'kubernetes', '--control', artifact);
  assert.equal(result.status, 3, result.stdout);
  assert.match(result.stdout, /kubernetes +absent +unproven/);
  const entry = 'src/drivers/kubernetes/entry.ts';
  const text = checkout.read(entry);
  checkout.write(entry, text.replace(/marker: '[^']*'/, "marker: 'gone-stale'"));
  const stale = await checkout.flavor('verify', artifact);
  checkout.write(entry, text);
  assert.equal(stale.status, 3, stale.stdout);
  assert.match(stale.stdout, /not in the control .*: string 'gone-stale'/);
});

test('an SBOM that lists too much or too little is found', async () => {
  const folder = yard.folder();
  const artifact = join(folder, basename(docker.path('bundle')));
  cpSync(docker.path('bundle'), artifact);
  const sbom = JSON.parse(readFileSync(`${docker.path('bundle')}.cdx.json`, 'utf8'));
  const [first, ...rest] = sbom.components;
  const extra = { ...first, 'bom-ref': 'node_modules/never-there' };
  writeFileSync(`${artifact}.cdx.json`, JSON.stringify({ ...sbom, components: [...rest, extra] }));
  const alone = await checkout.flavor('verify', artifact, '--present', FLAVOR);
  assert.equal(alone.status, 3, alone.stdout);
  assert.match(alone.stdout, /there is no manifest .*--without-manifest/);
  const searched = ['verify', artifact, '--present', FLAVOR, '--without-manifest'];
  const { status, stdout } = await checkout.flavor(...searched);
  assert.equal(status, 1, stdout);
  assert.match(stdout, /never-there is in the SBOM/);
  assert.ok(stdout.includes(`${first['bom-ref']} is in ${basename(artifact)} but not in its SBOM`), stdout);
});

test('the strings that stand for a part stand in its own files alone', () => {
  const lock = readLock(ROOT);
  const files = [...contents(all.path('folder'))];
  const known = partProjects(ROOT);
  const names = known.map(({ word }) => word);
  for (const { word: name, folder } of known) {
    const { strings, packages } = evidenceOf(ROOT, lock, name, names);
    const own = [`${folder.replace(/^src/, 'dist')}/`, ...packages.map((place) => `${place}/`)];
    for (const text of strings) {
      const elsewhere = files
        .filter(([path, bytes]) => bytes.includes(text) && !own.some((folder) => path.startsWith(folder)))
        .map(([path]) => path);
      assert.deepEqual(elsewhere, [], `'${text}' of ${name}`);
    }
  }
});

test('checksums are what sha256sum reads', async () => {
  const [name] = [...contents(docker.out).keys()].filter((path) => /-docker-[^/]*\.sha256$/.test(path));
  const { status, stdout, stderr } = await execute(
    'sha256sum',
    ['--check', '--strict', name as string],
    docker.out,
  );
  assert.equal(status, 0, stdout + stderr);
});

test('the executable needs no Node, and is every program by its first word or its name', async () => {
  const folder = yard.folder();
  const executable = docker.path('executable');
  const bare = { HOME: folder };
  const version = await execute(executable, ['--version'], folder, bare);
  assert.match(version.stdout, /flavor docker: docker; store-sqlite; absent: telemetry; .*node v/);
  assert.match((await execute(executable, ['cli', '--version'], folder, bare)).stdout, /^openshell \d/);
  assert.match(
    (await execute(executable, ['driver-docker', '--help'], folder, bare)).stdout,
    /openshell-driver-docker/,
  );
  symlinkSync(executable, join(folder, 'openshell'));
  assert.match(
    (await execute(join(folder, 'openshell'), ['--version'], folder, bare)).stdout,
    /^openshell \d/,
  );
  assert.deepEqual([version.stderr, version.status], ['', 0]);
});

test('the single file carries a code cache that V8 takes on its Node, and runs on another', async () => {
  const file = docker.path('bundle');
  const loaded = `const { Script } = require('node:vm');
    require('node:vm').Script = class extends Script {
      constructor(code, options) {
        super(code, options);
        console.error(options.cachedData === undefined ? 'none' : this.cachedDataRejected);
      }
    };
    process.argv = [process.argv[0], ${JSON.stringify(file)}, '--version'];
    require(${JSON.stringify(file)});`;
  const run = (node: string) => execute(node, ['-e', loaded], ROOT);
  const pinned = await run(pinnedNode(ROOT).path);
  assert.deepEqual([pinned.stderr, pinned.status], ['false\n', 0]);
  const other = await run(join(ROOT, 'node_modules/node22/bin/node'));
  assert.deepEqual([other.stderr, other.status], ['none\n', 0]);
});

test('an older Node gets one line', {
  skip: !process.version.startsWith('v20.') && 'this is no Node 20',
}, async () => {
  const { status, stderr } = await execute(process.execPath, [docker.path('bundle'), '--version'], ROOT);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^openshell-gateway: this file needs Node 22\.13 or later, and this is v20\.[^\n]*\n$/,
  );
});

test('artifacts for Node 22.13 hold no SQLite; --node 20 does, and runs on the oldest Node', async () => {
  for (const kind of ARTIFACT_KINDS) {
    assert.ok(!packagesIn(openArtifact(docker.path(kind))).has(SQLITE), kind);
  }
  const old = await make({ flavor: FLAVOR, checkout, out: yard.folder(), node: 20, kinds: ['folder'] });
  assert.ok(existsSync(join(old.path('folder'), SQLITE)));
  // What ssh2 compiles when it can, and does without.
  for (const name of ['cpu-features', 'nan', 'buildcheck']) {
    assert.ok(!existsSync(join(old.path('folder'), 'node_modules', name)), name);
  }
  const strays = await execute(
    process.execPath,
    [join(old.path('folder'), 'dist/main.js'), '--version', '--json'],
    ROOT,
  );
  assert.equal(JSON.parse(strays.stdout).node, process.version, strays.stderr);
  const { status, stdout } = await checkout.flavor('verify', old.path('folder'), '--present', FLAVOR);
  assert.equal(status, 0, stdout);
});

test('npm installs the archive without a network', async () => {
  const prefix = yard.folder();
  const npm = await execute(
    'npm',
    ['install', '--global', '--offline', '--prefix', prefix, docker.path('tgz')],
    prefix,
    {
      ...process.env,
      npm_config_cache: join(prefix, 'cache'),
    },
  );
  assert.equal(npm.status, 0, npm.stderr);
  const main = join(prefix, 'lib/node_modules/openshell-gateway/dist/main.js');
  const { stdout } = await execute(pinnedNode(ROOT).path, [main, '--version', '--json'], prefix);
  assert.deepEqual(JSON.parse(stdout).drivers, [FLAVOR]);
});

test('a folder works wherever it is put', async () => {
  const folder = join(yard.folder(), 'moved');
  cpSync(docker.path('folder'), `${folder}-copy`, { recursive: true });
  renameSync(`${folder}-copy`, folder);
  const { stdout, stderr } = await execute(
    pinnedNode(ROOT).path,
    [join(folder, 'dist/main.js'), 'drivers', '--json'],
    folder,
  );
  assert.equal(JSON.parse(stdout).flavor, FLAVOR, stderr);
  assert.equal(stderr, '');
});
