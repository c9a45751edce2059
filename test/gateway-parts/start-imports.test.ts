import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const IMPORT = /^(?:import|export)\s(?:[^;]*?\sfrom\s)?'([^']+)';$/gm;

/** What a file of dist/ brings in by static imports: its own files and the names of packages. */
function staticImports(entry: URL): Set<string> {
  const found = new Set<string>();
  const visit = (file: URL): void => {
    if (found.has(file.pathname)) {
      return;
    }
    found.add(file.pathname);
    for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      if (specifier.startsWith('.')) {
        visit(new URL(specifier, file));
      } else {
        found.add(specifier);
      }
    }
  };
  visit(entry);
  return found;
}

const dist = new URL('../../dist/', import.meta.url);

test('what serves is loaded without the schemas of any message', () => {
  const imports = staticImports(new URL('gateway/gateway.js', dist));
  assert(imports.has('@grpc/grpc-js'), 'the imports were found');
  const schemas = [...imports].filter((name) => name.includes('@bufbuild') || name.includes('/generated/'));
  assert.deepEqual(schemas, []);
});

test('a command that does not serve loads neither gRPC nor the store', () => {
  const imports = [...staticImports(new URL('gateway/program/run.js', dist))];
  assert(
    imports.some((name) => name.endsWith('/config/load.js')),
    'the imports were found',
  );
  assert.deepEqual(
    imports.filter((name) => name.startsWith('@') || name.includes('/dist/store/')),
    [],
  );
});
