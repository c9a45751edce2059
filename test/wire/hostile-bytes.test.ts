import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Method } from '../../dist/wire/method.js';
import { methods } from '../../dist/wire/v00/index.js';
import { arbitraryMessage } from './arbitrary-message.js';

const served: Method[] = Object.values(methods);

/** Decodes, or throws the one Error that callers count on. */
function decodes(method: Method, bytes: Uint8Array): boolean {
  try {
    method.decodeRequest(bytes);
    return true;
  } catch (error) {
    assert(error instanceof Error);
    assert.match(
      error.message,
      new RegExp(`^the ${bytes.length} bytes received are not a ${method.input.typeName}: `),
    );
    return false;
  }
}

test('random bytes are decoded or refused', () => {
  fc.assert(
    fc.property(fc.constantFrom(...served), fc.uint8Array({ maxLength: 200 }), (method, bytes) => {
      decodes(method, bytes);
    }),
    { numRuns: 5_000 },
  );
});

test('messages with a changed, missing or added byte are decoded or refused', () => {
  for (const method of served) {
    const mutated = fc.tuple(arbitraryMessage(method.input), fc.nat(), fc.nat(255), fc.constantFrom(0, 1));
    fc.assert(
      fc.property(mutated, ([message, seed, value, removed]) => {
        const bytes = Buffer.from(method.encodeRequest(message));
        const at = bytes.length === 0 ? 0 : seed % bytes.length;
        decodes(
          method,
          Buffer.concat([bytes.subarray(0, at), Buffer.from([value]), bytes.subarray(at + removed)]),
        );
        decodes(method, bytes.subarray(0, at));
      }),
      { numRuns: 100 },
    );
  }
});

test('a length beyond the end is refused without allocating it', () => {
  const before = process.memoryUsage().arrayBuffers;
  assert.equal(decodes(methods.execSandbox, Buffer.from([0x32, 0xff, 0xff, 0xff, 0xff, 0x07, 1])), false);
  assert(process.memoryUsage().arrayBuffers - before < 1_000_000);
});

test('text that is no UTF-8 is refused', () => {
  assert.equal(decodes(methods.getSandbox, Buffer.from([0x0a, 2, 0xc3, 0x28])), false);
});

test('a Struct nested ten thousand deep is refused or decoded, never a crash', () => {
  let value = Buffer.alloc(0);
  const parts: Buffer[] = [];
  for (let depth = 0, length = 0; depth < 10_000; depth++) {
    const list = header(0x0a, length);
    const wrapped = header(0x32, length + list.length);
    parts.unshift(wrapped, list);
    length += list.length + wrapped.length;
  }
  value = Buffer.concat(parts);
  const entry = field(0x0a, Buffer.concat([field(0x0a, Buffer.from('k')), field(0x12, value)]));
  const request = field(0x0a, field(0x32, field(0x5a, entry)));
  decodes(methods.createSandbox, request);
});

test('a map key named __proto__ changes no prototype', () => {
  const entry = Buffer.concat([field(0x0a, Buffer.from('__proto__')), field(0x12, Buffer.from('x'))]);
  const request = methods.createSandbox.decodeRequest(field(0x1a, entry));
  assert.equal(Object.getPrototypeOf(request.labels), Object.prototype);
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
});

function field(tag: number, content: Buffer): Buffer {
  return Buffer.concat([header(tag, content.length), content]);
}

function header(tag: number, length: number): Buffer {
  const bytes = [tag];
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) {
    bytes.push((rest & 0x7f) | 0x80);
  }
  return Buffer.from([...bytes, rest]);
}
