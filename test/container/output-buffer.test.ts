import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { bufferedOutput } from '../../dist/drivers/container/output-buffer.js';
import { toArray } from '../support/streams.js';

async function all(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await toArray(pieces));
}

test('everything arrives in order, however source and reader take turns', async () => {
  const written = fc.array(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(written, fc.array(fc.boolean(), { maxLength: 40 }), async (pieces, waits) => {
      const source = new PassThrough();
      const read = all(bufferedOutput(source));
      for (const [i, piece] of pieces.entries()) {
        source.write(piece);
        if (waits[i]) {
          await turn();
        }
      }
      source.end();
      assert((await read).equals(Buffer.concat(pieces)));
    }),
    { numRuns: 50 },
  );
});

test('what had come before anybody read is there too', async () => {
  const source = new PassThrough();
  source.unshift(Buffer.from('head '));
  source.end('and tail');
  assert.equal((await all(bufferedOutput(source))).toString(), 'head and tail');
});

test('a slow reader holds an endless source back', async () => {
  let given = 0;
  const source = new Readable({
    read() {
      given += 64 * 1024;
      setImmediate(() => this.push(Buffer.alloc(64 * 1024)));
    },
  });
  const pieces = bufferedOutput(source);
  await pieces.next();
  for (let turns = 0; turns < 200; turns++) {
    await turn();
  }
  assert(given <= 1024 * 1024, `${given} bytes wait for a reader that takes none`);
  const before = given;
  for (let taken = 0; taken < 64; taken++) {
    await pieces.next();
  }
  assert(given > before, 'it goes on with its reader');
  await pieces.return(undefined);
  assert(source.destroyed);
});

test('a source that breaks off gives what it brought, then its error', async () => {
  const broken = new PassThrough();
  const pieces = bufferedOutput(broken);
  const first = pieces.next();
  broken.write('some');
  assert.equal((await first).value?.toString(), 'some');
  broken.destroy(new Error('reset'));
  await assert.rejects(pieces.next(), /reset/);

  const cut = new PassThrough();
  const read = all(bufferedOutput(cut));
  cut.destroy();
  await assert.rejects(read, /premature/i);
});
