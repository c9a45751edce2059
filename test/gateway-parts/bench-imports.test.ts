import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = new URL('../../', import.meta.url);

test('benches load modules of this build that exist', () => {
  const files = ['bench', 'bench/lib'].flatMap((folder) =>
    readdirSync(new URL(folder, ROOT)).map((name) => `${folder}/${name}`),
  );
  const found = files
    .filter((file) => file.endsWith('.mjs'))
    .flatMap((file) =>
      [
        ...readFileSync(new URL(file, ROOT), 'utf8').matchAll(/load\('([^']+\.js)'\)|dist\/([\w/.-]+\.js)'/g),
      ].map(([, loaded, imported]) => ({ file, path: loaded ?? imported ?? '' })),
    );
  assert.ok(found.length > 15, `${found.length} found`);
  const missing = found.filter(
    ({ path }) => !['dist/', 'dist/drivers/'].some((base) => existsSync(new URL(base + path, ROOT))),
  );
  assert.deepEqual(missing, []);
});
