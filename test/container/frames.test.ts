import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { demultiplex, type Frame } from '../../dist/drivers/container/frames.js';
import { frame } from './frame.js';

/** Cuts bytes at any places, as a connection may. */
async function* cut(bytes: Buffer, places: readonly number[]): AsyncGenerator<Buffer> {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...at, bytes.length]) {
    if (end > start) {
      yield bytes.subarray(start, end);
    }
    start = end;
  }
}

async function read(frames: AsyncIterable<Frame>): Promise<Frame[]> {
  const all: Frame[] = [];
  for await (const one of frames) {
    all.push({ stream: one.stream, data: Buffer.from(one.data) });
  }
  return all;
}

function joined(frames: readonly Frame[], stream: Frame['stream']): string {
  return Buffer.concat(frames.filter((one) => one.stream === stream).map((one) => one.data)).toString('hex');
}

const pieces = fc.array(
  fc.record({ stream: fc.constantFrom(1 as const, 2 as const), data: fc.uint8Array({ maxLength: 40 }) }),
  { maxLength: 12 },
);
const places = fc.array(fc.nat(600), { maxLength: 30 });

test('both streams come out whole, wherever the connection cuts', async () => {
  await fc.assert(
    fc.asyncProperty(pieces, places, async (written, cuts) => {
      const bytes = Buffer.concat(written.map(({ stream, data }) => frame(stream, data)));
      const out = await read(demultiplex(cut(bytes, cuts)));
      for (const [number, name] of [
        [1, 'stdout'],
        [2, 'stderr'],
      ] as const) {
        const expected = Buffer.concat(written.filter((w) => w.stream === number).map((w) => w.data));
        assert.equal(joined(out, name), expected.toString('hex'));
      }
    }),
  );
});

test('whole frames come one by one', async () => {
  await fc.assert(
    fc.asyncProperty(pieces, places, async (written, cuts) => {
      const bytes = Buffer.concat(written.map(({ stream, data }) => frame(stream, data)));
      const out = await read(demultiplex(cut(bytes, cuts), { whole: true }));
      const filled = written.filter(({ data }) => data.length > 0);
      assert.deepEqual(
        out.map(({ data }) => data.toString('hex')),
        filled.map(({ data }) => Buffer.from(data).toString('hex')),
      );
    }),
  );
});

test('what is no frame is refused', async () => {
  await assert.rejects(read(demultiplex(cut(Buffer.from('HTTP/1.1 500 no'), []))), /malformed output frames/);
  const huge = Buffer.alloc(8);
  huge[0] = 1;
  huge.writeUInt32BE(0xffffffff, 4);
  await assert.rejects(read(demultiplex(cut(huge, []))), /malformed output frames/);
});

test('a frame that is cut off gives what there is of it', async () => {
  const bytes = frame(1, Buffer.from('hello')).subarray(0, 11);
  assert.equal(joined(await read(demultiplex(cut(bytes, []))), 'stdout'), Buffer.from('hel').toString('hex'));
});
