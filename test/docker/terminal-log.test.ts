import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { terminalFrames } from '../../dist/drivers/docker/terminal-log.js';

const AT = '2026-11-23T12:00:00Z ';
const PART = 'x'.repeat(16 * 1024);

test('records are cut where a time was put, wherever the connection cuts', async () => {
  const records = [`${AT}one\r\n`, `${AT}${PART}`, `${AT}rest\r\n`, `${AT}\r\n`, `${AT}no end`];
  const bytes = Buffer.from(records.join(''));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), async (places) => {
      async function* source(): AsyncGenerator<Buffer> {
        let start = 0;
        for (const end of [...places.sort((a, b) => a - b), bytes.length]) {
          yield bytes.subarray(start, end);
          start = end;
        }
      }
      const out: string[] = [];
      for await (const { data } of terminalFrames(source())) {
        out.push(data.toString());
      }
      assert.deepEqual(out, records);
    }),
    { numRuns: 50 },
  );
});
