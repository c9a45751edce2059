import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonLines } from '../../dist/drivers/container/json-lines.js';
import { toArray } from '../support/streams.js';

async function* pieces(bytes: Buffer, cuts: number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const cut of [...cuts.map((c) => c % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    yield bytes.subarray(from, cut);
    from = cut;
  }
}

function read(bytes: Buffer, cuts: number[] = []): Promise<unknown[]> {
  return toArray(jsonLines(pieces(bytes, cuts), 'Podman'));
}

test('values arrive whole, wherever the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), fc.array(fc.nat()), async (values, cuts) => {
      const lines = values.map((value) => JSON.stringify(value)).join('\n');
      assert.deepEqual(
        await read(Buffer.from(lines), cuts),
        JSON.parse(`[${values.map((v) => JSON.stringify(v))}]`),
      );
    }),
    { numRuns: 200 },
  );
});

test('empty lines say nothing, and what is no JSON ends it', async () => {
  assert.deepEqual(await read(Buffer.from('\n{"a":1}\r\n\n')), [{ a: 1 }]);
  await assert.rejects(read(Buffer.from('{"a":1}\nnonsense\n')), /a line that is no JSON/);
  await assert.rejects(read(Buffer.alloc(5 * 1024 * 1024, 0x61)), /a line without end|no JSON/);
});
