// npm run coverage [-- ROOM...]: the tests under c8, over src/ without its drivers. Fails when nothing was measured.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const LINES_PERCENT = 70;
/** Generated code says nothing, and drivers are held to account by the conformance suite on their real engines. */
const EXCLUDED = ['**/generated/**', '**/*.d.ts', 'test*/**', 'tools/**', 'src/drivers/**'];

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const c8 = join(root, 'node_modules', 'c8', 'bin', 'c8.js');
const { status } = spawnSync(
  process.execPath,
  [
    c8,
    ...['--all', '--src', 'src', '--reporter', 'text', '--reporter', 'json-summary'],
    ...EXCLUDED.flatMap((pattern) => ['--exclude', pattern]),
    ...[process.execPath, join('scripts', 'test.mjs'), ...process.argv.slice(2)],
  ],
  { cwd: root, stdio: 'inherit' },
);
if (status !== 0) process.exit(status ?? 1);
const { lines } = JSON.parse(readFileSync(join(root, 'coverage', 'coverage-summary.json'), 'utf8')).total;
if (lines.total === 0 || lines.pct < LINES_PERCENT) {
  console.error(
    `coverage: ${lines.covered} of ${lines.total} lines (${lines.pct} %); at least ${LINES_PERCENT} % is asked for`,
  );
  process.exit(1);
}
