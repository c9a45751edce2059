import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createOutputQueue } from '../../dist/agent/output-queue.js';

type Part = readonly ['stdout' | 'stderr', Uint8Array];

function textOf(parts: Iterable<Part>) {
  const text = { stdout: '', stderr: '' };
  for (const [stream, data] of parts) {
    text[stream] += Buffer.from(data).toString('hex');
  }
  return text;
}

test('what is pushed comes out, in its order, whenever it is read', () => {
  const part = fc.tuple(
    fc.constantFrom('stdout' as const, 'stderr' as const),
    fc.uint8Array({ minLength: 1 }),
  );
  const step = fc.oneof(part, fc.constant('read' as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = createOutputQueue();
      const pushed: Part[] = [];
      const out: Part[] = [];
      const readOne = () => {
        const chunk = queue.shift();
        if (chunk !== undefined) {
          out.push([chunk.stream, Uint8Array.from(chunk.data)]);
        }
        return chunk !== undefined;
      };
      for (const one of steps) {
        if (one === 'read') {
          readOne();
        } else {
          queue.push(...one);
          pushed.push(one);
        }
      }
      while (readOne()) {}
      assert.deepEqual(textOf(out), textOf(pushed));
      assert.equal(queue.clear(), 0);
    }),
  );
});

test('single bytes come out together, and in about as many pieces as they fill blocks', () => {
  const queue = createOutputQueue();
  for (let i = 0; i < 64 * 1024; i++) {
    queue.push('stdout', Buffer.from('x'));
  }
  let pieces = 0;
  let bytes = 0;
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) {
    pieces++;
    bytes += chunk.data.length;
  }
  assert.equal(bytes, 64 * 1024);
  assert.ok(pieces <= 16, `${pieces} pieces`);
});
