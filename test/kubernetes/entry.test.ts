import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const IMPORT = /^(?:import\s*|(?:import|export)\b[^;'"]*\bfrom\s*)['"]([^'"]+)['"]/gm;

/** Every module that importing this one brings in at once; packages by their names. */
function importedBy(file: URL, seen = new Set<string>()): Set<string> {
  if (seen.has(file.href)) {
    return seen;
  }
  seen.add(file.href);
  for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
    if (name.startsWith('.')) {
      importedBy(new URL(name, file), seen);
    } else {
      seen.add(name);
    }
  }
  return seen;
}

const folder = new URL('../../dist/drivers/kubernetes/', import.meta.url);

test('a gateway that does not choose Kubernetes loads no client of it', () => {
  const entry = [...importedBy(new URL('entry.js', folder))];
  assert.deepEqual(
    entry.filter((name) => !name.startsWith('file:')),
    [],
    'the entry imports no package',
  );
  const driver = [...importedBy(new URL('index.js', folder))];
  assert.ok(driver.includes('@kubernetes/client-node'), 'the driver does, and so the check sees imports');
});
