import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  readAgeMs,
  readCount,
  readEnvironment,
  readJsonObject,
  readPairs,
} from '../../dist/cli/arguments/values.js';

test('any key without = and any value come back from KEY=VALUE', () => {
  const key = fc.string({ minLength: 1 }).filter((text) => !text.includes('='));
  fc.assert(
    fc.property(key, fc.string(), (k, v) => {
      assert.deepEqual(Object.entries(readPairs('--label', [`${k}=${v}`])), [[k, v]]);
    }),
  );
});

test('a pair without a key or a value is refused', () => {
  assert.throws(() => readPairs('--label', ['=x']), /'=x' has no key/);
  assert.throws(() => readPairs('--label', ['alone']), { hint: 'write --label KEY=VALUE' });
});

test('an environment variable alone is copied', () => {
  assert.deepEqual(readEnvironment('--env', ['A', 'B=2'], { A: '1', B: '3' }), { A: '1', B: '2' });
  assert.throws(() => readEnvironment('--env', ['MISSING'], {}), /MISSING: it is not set here/);
});

test('counts are plain decimal digits within their range', () => {
  const range = { min: 1, max: 1000 };
  assert.equal(readCount('--limit', '1000', range), 1000);
  assert.equal(readCount('--limit', undefined, range), undefined);
  for (const text of ['', '0', '1001', '-1', '+1', '1.5', '1e2', '0x10', ' 1', 'many', '9'.repeat(40)]) {
    assert.throws(() => readCount('--limit', text, range), { hint: 'a whole number from 1 to 1000' });
  }
});

test('ages have a unit', () => {
  assert.equal(readAgeMs('--since', '5m'), 300_000);
  assert.equal(readAgeMs('--since', '2h'), 7_200_000);
  assert.equal(readAgeMs('--since', '1d'), 86_400_000);
  for (const text of ['5', 'm', '5 m', '-5m', '5w', '']) {
    assert.throws(() => readAgeMs('--since', text));
  }
});

test('driver settings are a JSON object', () => {
  assert.deepEqual(readJsonObject('--driver-config-json', '{"docker":{"a":1}}'), { docker: { a: 1 } });
  for (const text of ['[]', 'null', '3', '"x"']) {
    assert.throws(() => readJsonObject('--driver-config-json', text), /is no JSON object/);
  }
  assert.throws(() => readJsonObject('--driver-config-json', '{'), /is no JSON: /);
});
