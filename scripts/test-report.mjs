// A reporter of node:test for scripts/test.mjs: the slowest files, and tests that were skipped for a missing tool or permission.
// The latter is a failure with CI=true; for engines see OPENSHELL_REQUIRE_ENGINES.
import { relative } from 'node:path';

const SLOWEST = 15;
/**
 * How a skipped test reports that a program or a permission is missing. A chart's tests fall under the engine
 * `kubernetes`, and shells beyond bash are nice to have.
 */
const MISSING =
  /\b(is|are) not here\b|^no (openssl|python3) here$|cannot be (installed|mounted here)|\bonly root\b|\bneeds root\b|^QEMU runs as our own user$/;

export default async function* report(events) {
  const files = new Map();
  const missing = new Map();
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') {
      continue;
    }
    if (typeof data.skip === 'string' && MISSING.test(data.skip)) {
      missing.set(data.skip, [...(missing.get(data.skip) ?? []), data.name]);
    }
    if (data.nesting !== 0 || data.file === undefined) {
      continue;
    }
    files.set(data.file, (files.get(data.file) ?? 0) + data.details.duration_ms);
  }
  const slowest = [...files].sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
  if (files.size > SLOWEST) {
    yield `test: the ${SLOWEST} files that took longest\n`;
    for (const [file, ms] of slowest) {
      yield `${(ms / 1000).toFixed(1).padStart(8)} s  ${relative(process.cwd(), file)}\n`;
    }
  }
  if (missing.size === 0 || process.env.CI !== 'true') {
    return;
  }
  for (const [why, names] of missing) {
    yield `test: ${why}, and CI=true must not pass untested: ${names.join('; ')}\n`;
  }
  process.exitCode = 1;
}
