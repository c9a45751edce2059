import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import { foreignReason } from '../../dist/compute/reasons.js';
import { cutText } from '../../dist/kit/text.js';
import { toStatus } from '../../dist/rpc/status.js';
import { decodeStatusDetails } from '../../dist/wire/errors/index.js';

/** Every UTF-16 unit, so that halves of pairs stand alone. */
function anyUnits(maxLength: number) {
  return fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength })
    .map((units) => String.fromCharCode(...units));
}

const repeated = fc
  .tuple(fc.nat(3), fc.constantFrom('x', '😀', '\u0001', '\ud800', 'é', '%'), fc.nat(200_000))
  .map(([shift, unit, count]) => 'a'.repeat(shift) + unit.repeat(count));
const text = fc.oneof(anyUnits(3000), repeated);
function maybe<T>(value: fc.Arbitrary<T>) {
  return fc.option(value, { nil: undefined });
}

function given(options: Record<string, unknown>) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

test('whatever an error says, its status can be written and takes at most 4 KiB of the trailers', async () => {
  const anyError = fc.record({
    message: text,
    reason: maybe(text),
    field: maybe(text),
    hint: maybe(text),
    retryAfterMs: maybe(fc.nat()),
  });
  await fc.assert(
    fc.asyncProperty(anyError, async ({ message, ...options }) => {
      const error = new OpenShellError(Code.INVALID_ARGUMENT, message, given(options));
      const { details, trailers } = await toStatus(error);
      const trailer = trailers['grpc-status-details-bin'];
      assert(trailer !== undefined, 'the reason got lost');
      assert(Buffer.byteLength(details) <= 1024);
      assert(encodeURI(details).length + Math.ceil(trailer.length / 3) * 4 <= 4096);
      const decoded = decodeStatusDetails(trailer);
      assert(decoded !== undefined, 'the details cannot be read');
      if (options.retryAfterMs !== undefined) {
        assert.equal(decoded.retryAfterMs, options.retryAfterMs);
      }
    }),
    { numRuns: 500 },
  );
});

test('an ordinary error keeps every word: message, reason, field, hint and when to try again', async () => {
  const { code, details, trailers } = await toStatus(
    new OpenShellError(Code.UNAVAILABLE, 'the engine sleeps', {
      reason: foreignReason('EngineAsleep'),
      field: 'spec.engine',
      hint: 'wake it',
      retryAfterMs: 7_000,
    }),
  );
  assert.equal(code, Code.UNAVAILABLE);
  assert.equal(details, 'the engine sleeps');
  assert.deepEqual(
    { ...decodeStatusDetails(trailers['grpc-status-details-bin'] as Buffer) },
    {
      code: Code.UNAVAILABLE,
      message: 'the engine sleeps',
      reason: 'EngineAsleep',
      field: 'spec.engine',
      hint: 'wake it',
      retryAfterMs: 7_000,
    },
  );
});

test('a thrown value without a text is INTERNAL, not a second error', async () => {
  for (const thrown of [Object.create(null), Symbol('x'), null, undefined, 7]) {
    assert.equal((await toStatus(thrown)).code, Code.INTERNAL);
  }
});

test('text is cut between characters, with a mark, and well-formed', () => {
  assert.equal(cutText('short', 5), 'short');
  assert.equal(cutText('longer', 5), 'lo…');
  assert.equal(cutText('a😀😀', 8), 'a😀…');
  assert.equal(cutText('\ud83d', 9), '\ufffd');
  fc.assert(
    fc.property(text, fc.integer({ min: 3, max: 1100 }), (whole, bytes) => {
      const cut = cutText(whole, bytes);
      assert(Buffer.byteLength(cut) <= bytes);
      encodeURI(cut);
    }),
  );
});
