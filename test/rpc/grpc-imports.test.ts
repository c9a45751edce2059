import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const src = new URL('../../src/', import.meta.url);
const GRPC = /['"]@grpc\/grpc-js(?:\/[^'"]*)?['"]/;

const importers = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => /(?<!\.d)\.[cm]?ts$/.test(path))
  .filter((path) => GRPC.test(readFileSync(new URL(path, src), 'utf8')));

test('nothing but rpc imports grpc-js', () => {
  for (const known of ['rpc/client/client.ts', 'rpc/server/server.ts']) {
    assert(importers.includes(known), `the search finds ${known}`);
  }
  assert.deepEqual(
    importers.filter((path) => !path.startsWith('rpc/')),
    [],
  );
});

test('what a client without grpc-js needs of rpc does not import it', () => {
  const edge = /^rpc\/(client\/(?!contract)|server\/)|^rpc\/quiet\.ts$/;
  assert.deepEqual(
    importers.filter((path) => path.startsWith('rpc/') && !edge.test(path)),
    [],
  );
});
