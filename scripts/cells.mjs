// npm run cells [-- --flavor NAME] [--node 20|22|24]: the cells of the matrix flavor x Node release. Each is packaged
// as a folder, and for Node 22 and later as a single file, run by that Node, compared with its manifest, and searched for what it must not hold.
// The default flavor's cells on Node 22 and 24 also run the tests that need no engine.
import { spawnSync } from 'node:child_process';
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
  'store',
  'cli',
  'remote',
  'telemetry',
  'gateway-parts',
  'gateway',
];
const { values } = parseArgs({ options: { flavor: { type: 'string' }, node: { type: 'string' } } });

const fail = (message) => {
  console.error(`cells: ${message}`);
  process.exit(1);
};

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const TAIL = 4_000;

const run = (file, args, options = {}) => {
  const all = { cwd: root, encoding: 'utf8', maxBuffer: MAX_OUTPUT_BYTES, ...options };
  const { status, stdout = '', stderr = '', error } = spawnSync(file, args, all);
  if (status !== 0)
    fail(`${[file, ...args].join(' ')}\n${`${stdout}${stderr}`.slice(-TAIL)}${error?.message ?? ''}`);
  return stdout;
};

/** The binary of a Node release: npm's for 22 and 24; for 20 the one on PATH, when it is that. */
const nodeOf = (release) => {
  if (release !== '20') return join(root, 'node_modules', `node${release}`, 'bin', 'node');
  const path = process.env.PATH.split(':').filter((folder) => !folder.includes('node_modules'));
  const env = { ...process.env, PATH: path.join(':') };
  const { stdout = '' } = spawnSync('node', ['-p', 'process.version + " " + process.execPath'], {
    env,
    encoding: 'utf8',
  });
  return stdout.startsWith('v20.') ? stdout.trim().split(' ')[1] : undefined;
};

const { flavors } = JSON.parse(run(process.execPath, [tool, 'list', '--json']));
const wanted = values.flavor === undefined ? flavors : flavors.filter(({ name }) => name === values.flavor);
if (wanted.length === 0)
  fail(`there is no flavor '${values.flavor}'; flavors: ${flavors.map(({ name }) => name).join(', ')}`);
const releases = values.node === undefined ? ['20', '22', '24'] : [values.node];
const out = mkdtempSync(join(tmpdir(), 'openshell-cells-'));
process.on('exit', () => rmSync(out, { recursive: true, force: true }));

const packageFlavor = (name, target) => {
  const folder = join(out, target);
  const only = target === '20' ? 'folder' : 'folder,bundle';
  run(process.execPath, [
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
};

const same = (what, found, expected) => {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    fail(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
  }
};

const runCell = (node, { folder, manifest }, kind) => {
  const { name } = manifest.artifacts.find((artifact) => artifact.kind === kind);
  const main = kind === 'folder' ? join(folder, name, 'dist', 'main.js') : join(folder, name);
  const info = JSON.parse(run(node, [main, '--version', '--json']));
  for (const key of ['version', 'flavor', 'drivers', 'parts', 'build'])
    same(`${name}: ${key}`, info[key], manifest[key]);
  const { drivers } = JSON.parse(
    run(node, [main, 'drivers', '--json'], { env: { PATH: process.env.PATH, HOME: out } }),
  );
  const present = drivers.filter(({ state }) => state !== 'absent').map((driver) => driver.name);
  same(`${name}: drivers`, present.sort(), manifest.drivers);
};

const unitTests = (node) => {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
  run(process.execPath, [tsc, '-b', ...UNIT_ROOMS.map((room) => join('test', room))]);
  run(node, ['--test', '--test-concurrency=2', ...UNIT_ROOMS.map((room) => `test-dist/${room}/*.test.js`)]);
};

for (const target of new Set(releases.map((release) => (release === '20' ? '20' : '22')))) {
  const control = packageFlavor('default', target);
  for (const { name } of wanted) {
    const made = name === 'default' ? control : packageFlavor(name, target);
    const paths = made.manifest.artifacts.map((artifact) => join(made.folder, artifact.name));
    run(process.execPath, [tool, 'verify', ...paths]);
    for (const release of releases.filter((each) => (each === '20') === (target === '20'))) {
      const node = nodeOf(release);
      if (node === undefined) {
        const why = `${name} on Node ${release}: the node on PATH is another release`;
        if (process.env.CI === 'true') fail(why);
        console.log(`${why}, skipped`);
        continue;
      }
      runCell(node, made, 'folder');
      if (target !== '20') runCell(node, made, 'bundle');
      if (name === 'default' && target !== '20') unitTests(node);
      console.log(`${name} on Node ${release}: ok`);
    }
  }
}
