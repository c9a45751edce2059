import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { unseenLines } from '../../dist/cli/sandbox/main-process.js';
import { SandboxLogLineSchema } from '../../dist/wire/v00/index.js';
import { logLine } from './support/sandboxes.js';

function line(at: number) {
  return create(SandboxLogLineSchema, logLine(`line ${at}`, at % 3 === 0 ? 'stderr' : 'stdout', BigInt(at)));
}

test('lines seen and lines asked for afterwards make the whole output, none twice', () => {
  const count = fc.nat({ max: 30 });
  fc.assert(
    fc.property(count, count, count, (total, seenCount, kept) => {
      const all = Array.from({ length: total }, (_, at) => line(at));
      const seen = all.slice(0, seenCount);
      const latest = all.slice(-kept || all.length);
      const missed = all.slice(Math.max(seen.length, total - latest.length));
      assert.deepEqual(unseenLines(seen, latest), missed);
    }),
  );
});

test('equal lines are told apart by their number', () => {
  const [same, other] = [line(1), line(2)];
  assert.deepEqual(unseenLines([same, same], [same, same, other]), [other]);
  assert.deepEqual(unseenLines([], [same, same]), [same, same]);
});
