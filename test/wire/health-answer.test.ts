import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { healthMethods } from '../../dist/wire/health/index.js';
import { rpcs } from '../../dist/wire/health/rpcs.js';
import { encodeHealthy } from '../../dist/wire/health-answer.js';
import { ServiceStatus as V00Status, methods as v00 } from '../../dist/wire/v00/index.js';
import { ServiceStatus as V01Status, methods as v01 } from '../../dist/wire/v01/index.js';

test('the answer to Health is encoded as the general encoders of both generations do it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (version) => {
      const bytes = encodeHealthy(version);
      assert(bytes.equals(v00.health.encodeResponse({ status: V00Status.HEALTHY, version })));
      assert(bytes.equals(v01.health.encodeResponse({ status: V01Status.HEALTHY, version })));
    }),
    { examples: [[''], ['0.1.0'], ['x'.repeat(128)]] },
  );
});

test('the list of methods of the standard health service is that of its .proto file', () => {
  const shapes = Object.values(healthMethods).map(({ name, path, requestStream, responseStream }) => ({
    name,
    path,
    requestStream,
    responseStream,
  }));
  assert.deepEqual([...rpcs], shapes);
});
