import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeStatusDetails, encodeStatusDetails } from '../../dist/wire/errors/index.js';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
function maybe<T>(value: fc.Arbitrary<T>) {
  return fc.option(value, { nil: undefined });
}

const anyDetails = fc.record({
  code: fc.integer({ min: 1, max: 16 }),
  message: text,
  reason: text,
  field: maybe(text),
  hint: maybe(text),
  retryAfterMs: maybe(fc.nat()),
});

test('details come back as they were written', () => {
  fc.assert(
    fc.property(anyDetails, (details) => {
      assert.deepEqual({ ...decodeStatusDetails(encodeStatusDetails(details)) }, { ...details });
    }),
  );
});

test('random and changed bytes are details or none, never a throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), anyDetails, fc.nat(), (bytes, details, seed) => {
      decodeStatusDetails(bytes);
      const changed = encodeStatusDetails(details);
      changed[seed % changed.length] = seed & 0xff;
      decodeStatusDetails(changed);
    }),
    { numRuns: 2_000 },
  );
});

test('the bytes are those that any reader of google.rpc.Status expects', () => {
  const bytes = encodeStatusDetails({ code: 3, message: 'm', reason: 'R', hint: 'h' });
  const info = Buffer.concat([
    Buffer.from([0x0a, 1, 0x52, 0x12, 20]),
    Buffer.from('openshell.nvidia.com'),
    Buffer.from([0x1a, 9, 0x0a, 4, ...Buffer.from('hint'), 0x12, 1, 0x68]),
  ]);
  const type = Buffer.from('type.googleapis.com/google.rpc.ErrorInfo');
  const any = Buffer.concat([Buffer.from([0x0a, type.length]), type, Buffer.from([0x12, info.length]), info]);
  assert.deepEqual(
    Buffer.from(bytes),
    Buffer.concat([Buffer.from([0x08, 3, 0x12, 1, 0x6d, 0x1a, any.length]), any]),
  );
});
