// npm run coverage [-- as for npm test]: runs the tests and counts the lines of src/ that they run, including drivers, in every
// process they start. Without a room or --only, fails below LINES_PERCENT; with one, shows the lines that did not run.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, setPriority, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const LINES_PERCENT = 85;
const WORST_FILES = 20;
const COLLECT_EVERY_MS = 2_000;

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const c8 = join(root, 'node_modules', 'c8', 'bin', 'c8.js');
const { mergeProcessCovs } = createRequire(c8)('@bcoe/v8-coverage');
const dist = pathToFileURL(join(root, 'dist')).href;
const args = process.argv.slice(2);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    concurrency: { type: 'string' },
    'no-build': { type: 'boolean' },
  },
});
const whole = positionals.length === 0 && values.only === undefined;

const folder = mkdtempSync(join(tmpdir(), 'openshell-coverage-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const raw = join(folder, 'raw');
const merged = join(folder, 'merged');
mkdirSync(raw);
mkdirSync(merged);

let total = { result: [] };
let processes = 0;

/**
 * Adds the output of finished processes to `total`, and removes it: a whole run starts thousands, each writes about 1 MB,
 * and little of it is ours. Incomplete files are left for the next time.
 */
function collect() {
  const found = [total];
  for (const name of readdirSync(raw)) {
    const path = join(raw, name);
    let result;
    try {
      ({ result } = JSON.parse(readFileSync(path, 'utf8')));
    } catch {
      continue;
    }
    found.push({ result: (result ?? []).filter(({ url }) => url.startsWith(`${dist}/`)) });
    rmSync(path);
    processes += 1;
  }
  if (found.length > 1) {
    total = mergeProcessCovs(found);
  }
}

/** Modules with only types: they have no lines that can run and are never loaded. */
function withoutCode(folderOfDist) {
  return readdirSync(folderOfDist, { recursive: true })
    .filter((name) => name.endsWith('.js') && !name.includes('generated'))
    .filter((name) => {
      const code = readFileSync(join(folderOfDist, name), 'utf8').replace(/^\/\/.*$|\/\*[\s\S]*?\*\//gm, '');
      return code.trim() === 'export {};';
    })
    .map((name) => join('src', name.replace(/\.js$/, '.ts')));
}

const tests = spawn(process.execPath, [join('scripts', 'test.mjs'), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, NODE_V8_COVERAGE: raw },
});
// Must not slow down what the tests measure.
setPriority(constants.priority.PRIORITY_LOW);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => tests.kill(signal));
}
let code;
tests.on('exit', (status) => {
  code = status ?? 1;
});
while (code === undefined) {
  await delay(COLLECT_EVERY_MS);
  collect();
}

writeFileSync(join(merged, 'coverage-0-0-0.json'), JSON.stringify(total));
// Generated code is not ours.
const excluded = ['**/generated/**', '**/*.d.ts', ...withoutCode(join(root, 'dist'))];
const report = spawnSync(
  process.execPath,
  [
    c8,
    ...[
      'report',
      '--temp-directory',
      merged,
      '--all',
      '--src',
      'src',
      '--include',
      'src/**',
      '--include',
      'dist/**',
    ],
    ...excluded.flatMap((pattern) => ['--exclude', pattern]),
    ...['--reporter', 'json-summary', ...(whole ? [] : ['--reporter', 'text'])],
  ],
  { cwd: root, stdio: 'inherit' },
);
if (report.status !== 0) {
  process.exit(report.status ?? 1);
}

const { total: all, ...files } = JSON.parse(
  readFileSync(join(root, 'coverage', 'coverage-summary.json'), 'utf8'),
);
const { lines } = all;
if (whole) {
  const missed = Object.entries(files).map(([file, of]) => [
    of.lines.total - of.lines.covered,
    of.lines.pct,
    file,
  ]);
  console.log(`coverage: the ${WORST_FILES} files with the most lines that no test ran`);
  for (const [count, percent, file] of missed.sort(([a], [b]) => b - a).slice(0, WORST_FILES)) {
    console.log(`${String(count).padStart(6)} ${`${percent} %`.padStart(8)}  ${file.slice(root.length + 1)}`);
  }
}
const figures = `${lines.covered} of ${lines.total} lines (${lines.pct} %) in ${processes} processes`;
if (lines.total === 0 || lines.covered === 0 || (whole && lines.pct < LINES_PERCENT)) {
  console.error(`coverage: ${figures}; at least ${LINES_PERCENT} % is required`);
  process.exit(1);
}
console.log(`coverage: ${figures}`);
// Failed tests are reported by themselves, and their run has figures too.
process.exitCode = code;
