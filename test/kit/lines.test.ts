import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readLines, wholeLines } from '../../dist/kit/lines.js';
import { toArray } from '../support/streams.js';

test('lines are the same however their bytes come', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '😀', '\n', ' ') }), { maxLength: 20 }),
      fc.integer({ min: 8, max: 40 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
      async (texts, longest, sizes) => {
        const bytes = Buffer.from(texts.join(''));
        const chunks = function* () {
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const to = at + (sizes[i % sizes.length] as number);
            yield bytes.subarray(at, to);
            at = to;
          }
        };
        const parts = await toArray(readLines(toAsync(chunks()), longest));
        assert.equal(
          parts.map(({ text, ends }) => text + (ends ? '\n' : '')).join(''),
          withLastNewline(bytes),
        );
        for (const { text } of parts) {
          assert.ok(Buffer.byteLength(text) <= longest && !text.includes('\ufffd'));
        }
        for (const [i, { begins }] of parts.entries()) {
          assert.equal(begins, i === 0 || parts[i - 1]?.ends === true);
        }
      },
    ),
  );
});

test('a line that is too long is an error where lines are wanted whole', async () => {
  const read = (text: string) =>
    toArray(wholeLines(toAsync([Buffer.from(text)]), 4, () => new Error('too long')));
  assert.deepEqual(await read('1234\n\n12'), ['1234', '', '12']);
  await assert.rejects(read('1\n12345\n'), /too long/);
  await assert.rejects(read('1234567890'), /too long/);
});

async function* toAsync<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

function withLastNewline(bytes: Buffer): string {
  const text = bytes.toString();
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
