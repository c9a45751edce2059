import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogLine } from '../../dist/compute/driver.js';
import type { Frame } from '../../dist/drivers/container/frames.js';
import { linesOf } from '../../dist/drivers/container/log-lines.js';

const AT = '2026-11-23T12:00:00.123456789Z';

async function lines(frames: readonly (readonly [Frame['stream'], string])[], tty = false) {
  async function* source(): AsyncGenerator<Frame> {
    for (const [stream, text] of frames) {
      yield { stream, data: Buffer.from(text) };
    }
  }
  const all: LogLine[] = [];
  for await (const line of linesOf(source(), tty)) {
    all.push(line);
  }
  return all;
}

test('a time, a space and a line', async () => {
  assert.deepEqual(await lines([['stderr', `${AT}   two  words \n`]]), [
    { timeMs: Date.parse(AT), stream: 'stderr', message: '  two  words ' },
  ]);
});

test('parts of a line are joined, each stream for itself', async () => {
  const all = await lines([
    ['stdout', `${AT} one `],
    ['stderr', `${AT} other\n`],
    ['stdout', `${AT} line\n`],
    ['stdout', `${AT} no end`],
  ]);
  assert.deepEqual(
    all.map((line) => line.message),
    ['other', 'one line', 'no end'],
  );
});

test('a terminal ends its lines with a carriage return', async () => {
  assert.equal((await lines([['stdout', `${AT} x\r\n`]], true))[0]?.message, 'x');
  assert.equal((await lines([['stdout', `${AT} x\r\n`]], false))[0]?.message, 'x\r');
});

test('no line is longer than 16 KiB, and no character is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: fc.constantFrom('a', 'ü', '日', '🦀'), minLength: 4_000, maxLength: 20_000 }),
      async (text) => {
        const all = await lines([['stdout', `${AT} ${text}\n`]]);
        assert.equal(all.map((line) => line.message).join(''), text);
        for (const { message } of all) {
          assert.ok(Buffer.byteLength(message) <= 16 * 1024);
        }
      },
    ),
    { numRuns: 20 },
  );
});
