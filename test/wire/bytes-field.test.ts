import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Encoded } from '../../dist/wire/bytes-field.js';
import { accessMethods, encodeAccessOutput, encodeAccessStdin } from '../../dist/wire/compute/index.js';
import { encodeExecOutput, methods } from '../../dist/wire/v00/index.js';

const lengths = [0, 1, 125, 126, 127, 128, 129, 16_379, 16_380, 16_381, 16_384, 65_536, 2_097_152];
const data = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(...lengths).map((length) => new Uint8Array(length).fill(length)),
);
const stream = fc.constantFrom('stdout' as const, 'stderr' as const);

/** In the middle of a larger frame, whose other bytes stay as they are. */
function written(message: Encoded): Buffer {
  const frame = Buffer.alloc(message.byteLength + 6, 0xaa);
  message.copy(frame, 5);
  assert(frame.subarray(0, 5).equals(Buffer.alloc(5, 0xaa)));
  assert.equal(frame.at(-1), 0xaa);
  return frame.subarray(5, -1);
}

test('exec output is encoded as the general encoder does it', () => {
  fc.assert(
    fc.property(stream, data, (name, bytes) => {
      const message = { payload: { case: name, value: { data: bytes } } };
      assert(written(encodeExecOutput(name, bytes)).equals(methods.execSandbox.encodeResponse(message)));
    }),
    { numRuns: 300, examples: lengths.map((length) => ['stdout', new Uint8Array(length)]) },
  );
});

test('output and stdin between gateway and driver are encoded as the general encoder does it', () => {
  fc.assert(
    fc.property(stream, data, (name, bytes) => {
      const output = accessMethods.exec.encodeResponse({ payload: { case: name, value: bytes } });
      assert(encodeAccessOutput(name, bytes).equals(output));
      const stdin = accessMethods.exec.encodeRequest({ payload: { case: 'stdin', value: bytes } });
      assert(encodeAccessStdin(bytes).equals(stdin));
    }),
    { numRuns: 300, examples: lengths.map((length) => ['stderr', new Uint8Array(length)]) },
  );
});
