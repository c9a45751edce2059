// npm test [-- ROOM...] [--only PATTERN]: builds everything, and runs the tests on compiled output.
// A room is a folder of test/; without one all rooms run.
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    // Tests of engines mostly wait.
    concurrency: { type: 'string', default: String(availableParallelism() + 1) },
    'no-build': { type: 'boolean', default: false },
  },
});

const rooms = readdirSync(join(root, 'test'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(root, 'test', entry.name, 'tsconfig.json')))
  .map((entry) => entry.name);
const unknown = positionals.find((name) => !rooms.includes(name));
if (unknown !== undefined) {
  console.error(`test: there is no room '${unknown}'; rooms: ${rooms.join(', ')}`);
  process.exit(2);
}

function run(command, args, env = process.env) {
  const { status, signal } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (status !== 0) {
    process.exit(status ?? (signal === null ? 1 : 130));
  }
}

if (!values['no-build']) {
  // Coverage is for the tests only: see coverage.mjs.
  const { NODE_V8_COVERAGE, ...env } = process.env;
  run(process.execPath, [join(root, 'scripts', 'build.mjs')], env);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  run(process.execPath, [tsc, '-b', ...rooms.map((name) => join('test', name))], env);
}

const wanted = positionals.length > 0 ? positionals : rooms;
// Removed sources may have left output: run only tests that still have a source.
const files = wanted.flatMap((name) =>
  readdirSync(join(root, 'test', name))
    .filter((file) => file.endsWith('.test.ts') && (values.only === undefined || file.includes(values.only)))
    .map((file) => join('test-dist', name, file.replace(/\.ts$/, '.js'))),
);
if (files.length === 0) {
  console.error('test: no matching test file');
  process.exit(2);
}
const reporters = [
  [process.stdout.isTTY ? 'spec' : 'tap', 'stdout'],
  [join(root, 'scripts', 'test-report.mjs'), 'stderr'],
].flatMap(([reporter, to]) => ['--test-reporter', reporter, '--test-reporter-destination', to]);

/** Runs files at the same time; with `log`, their output goes there. Returns the exit code. */
function runTests(some, concurrency, log) {
  return new Promise((done, fail) => {
    if (some.length === 0) {
      return done(0);
    }
    const args = ['--test', `--test-concurrency=${concurrency}`, ...reporters, ...some];
    const stdio = log === undefined ? 'inherit' : ['ignore', log, log];
    spawn(process.execPath, args, { cwd: root, stdio })
      .once('error', fail)
      .once('exit', (status) => done(status ?? 130));
  });
}

// Only one file at a time may use the test cluster, and waiting files would block others. So they run apart from the rest,
// and their output is printed at the end.
const concurrency = Number(values.concurrency);
function source(file) {
  return join(root, 'test', relative('test-dist', file).replace(/\.js$/, '.ts'));
}

const onCluster = files.filter((file) => /\b(claim|test)Cluster\(/.test(readFileSync(source(file), 'utf8')));
if (concurrency < 2 || onCluster.length === 0 || onCluster.length === files.length) {
  process.exit(await runTests(files, onCluster.length === files.length ? 1 : concurrency));
}
const folder = mkdtempSync(join(tmpdir(), 'openshell-tests-'));
try {
  const path = join(folder, 'cluster.log');
  const log = openSync(path, 'w');
  const codes = await Promise.all([
    runTests(onCluster, 1, log),
    runTests(
      files.filter((file) => !onCluster.includes(file)),
      concurrency - 1,
    ),
  ]);
  closeSync(log);
  console.log('test: output of the files that use the test cluster');
  for await (const part of createReadStream(path)) {
    process.stdout.write(part);
  }
  process.exitCode = codes.find((code) => code !== 0) ?? 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
