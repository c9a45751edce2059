// npm run cells [-- --flavor NAME] [--node 20|22|24]: the cells of the matrix flavor x Node release. Each is packaged
// as a folder, and for Node 22 and later as a single file, run by that Node, compared with its manifest, and searched for
// parts that it must not contain.
// The default flavor's cells on Node 22 and 24 also run the tests that need no engine, while the others are packaged;
// `npm test` covers Node 20.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const tool = join(root, 'tools', 'flavor', 'openshell-flavor.mjs');
const UNIT_ROOMS = [
  'compute',
  'kit',
  'config',
  'wire',
  'rpc',
  'store',
  'cli',
  'remote',
  'telemetry',
  'gateway-parts',
  'gateway',
];
const { values } = parseArgs({ options: { flavor: { type: 'string' }, node: { type: 'string' } } });

const running = new Set();

function fail(message) {
  console.error(`cells: ${message}`);
  for (const child of running) {
    child.kill();
  }
  process.exit(1);
}

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const TAIL = 4_000;

/** Returns the program's output; exits, with everything else that is running, when it fails. */
function run(file, args, options = {}) {
  return new Promise((done) => {
    const all = { cwd: root, encoding: 'utf8', maxBuffer: MAX_OUTPUT_BYTES, ...options };
    const child = execFile(file, args, all, (error, stdout, stderr) => {
      running.delete(child);
      if (error === null) {
        return done(stdout);
      }
      const why = typeof error.code === 'number' ? '' : error.message;
      fail(`${[file, ...args].join(' ')}\n${`${stdout}${stderr}`.slice(-TAIL)}${why}`);
    });
    running.add(child);
  });
}

/** The binary of a Node release: npm's for 22 and 24; for 20 the one on PATH, if it is that version. */
function nodeOf(release) {
  if (release !== '20') {
    return join(root, 'node_modules', `node${release}`, 'bin', 'node');
  }
  const path = process.env.PATH.split(':').filter((folder) => !folder.includes('node_modules'));
  const env = { ...process.env, PATH: path.join(':') };
  const { stdout = '' } = spawnSync('node', ['-p', 'process.version + " " + process.execPath'], {
    env,
    encoding: 'utf8',
  });
  return stdout.startsWith('v20.') ? stdout.trim().split(' ')[1] : undefined;
}

const { flavors } = JSON.parse(await run(process.execPath, [tool, 'list', '--json']));
const wanted = values.flavor === undefined ? flavors : flavors.filter(({ name }) => name === values.flavor);
if (wanted.length === 0) {
  fail(`there is no flavor '${values.flavor}'; flavors: ${flavors.map(({ name }) => name).join(', ')}`);
}
const releases = values.node === undefined ? ['20', '22', '24'] : [values.node];
const out = mkdtempSync(join(tmpdir(), 'openshell-cells-'));
process.on('exit', () => rmSync(out, { recursive: true, force: true }));

async function packageFlavor(name, target) {
  const folder = join(out, target);
  const only = target === '20' ? 'folder' : 'folder,bundle';
  await run(process.execPath, [
    tool,
    'package',
    name,
    '--out',
    folder,
    '--node',
    target,
    '--only',
    only,
    '--without-agent',
  ]);
  const file = readdirSync(folder).find(
    (each) => each.startsWith(`openshell-gateway-${name}-`) && each.endsWith('.manifest.json'),
  );
  return { folder, manifest: JSON.parse(readFileSync(join(folder, file), 'utf8')) };
}

function same(what, found, expected) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    fail(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  }
}

async function runCell(node, { folder, manifest }, kind) {
  const { name } = manifest.artifacts.find((artifact) => artifact.kind === kind);
  const main = kind === 'folder' ? join(folder, name, 'dist', 'main.js') : join(folder, name);
  const info = JSON.parse(await run(node, [main, '--version', '--json']));
  for (const key of ['version', 'flavor', 'drivers', 'parts', 'build']) {
    same(`${name}: ${key}`, info[key], manifest[key]);
  }
  const { drivers } = JSON.parse(
    await run(node, [main, 'drivers', '--json'], { env: { PATH: process.env.PATH, HOME: out } }),
  );
  const present = drivers.filter(({ state }) => state !== 'absent').map((driver) => driver.name);
  same(`${name}: drivers`, present.sort(), manifest.drivers);
}

/** One release after the other, because two at a time would overload two cores. */
let unitTests = Promise.resolve();
function startUnitTests(release, node) {
  unitTests = unitTests.then(async () => {
    const files = UNIT_ROOMS.map((room) => `test-dist/${room}/*.test.js`);
    await run(node, ['--test', '--test-concurrency=2', ...files]);
    console.log(`the tests that need no engine on Node ${release}: ok`);
  });
}

async function buildTests() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  await run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
  await run(process.execPath, [tsc, '-b', ...UNIT_ROOMS.map((room) => join('test', room))]);
}

const newer = releases.filter((release) => release !== '20');
if (newer.length > 0 && wanted.some(({ name }) => name === 'default')) {
  await buildTests();
  for (const release of newer) {
    startUnitTests(release, nodeOf(release));
  }
}

for (const target of new Set(releases.map((release) => (release === '20' ? '20' : '22')))) {
  const control = await packageFlavor('default', target);
  for (const { name } of wanted) {
    const made = name === 'default' ? control : await packageFlavor(name, target);
    const paths = made.manifest.artifacts.map((artifact) => join(made.folder, artifact.name));
    await run(process.execPath, [tool, 'verify', ...paths]);
    for (const release of releases.filter((each) => (each === '20') === (target === '20'))) {
      const node = nodeOf(release);
      if (node === undefined) {
        const why = `${name} on Node ${release}: the node on PATH is another release`;
        if (process.env.CI === 'true') {
          fail(why);
        }
        console.log(`${why}, skipped`);
        continue;
      }
      await runCell(node, made, 'folder');
      if (target !== '20') {
        await runCell(node, made, 'bundle');
      }
      console.log(`${name} on Node ${release}: ok`);
    }
  }
}
await unitTests;
