import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import { openShellMethods } from '../../dist/gateway/api/generations.js';
import type { Method } from '../../dist/gateway/api/method.js';
import type { Encoded } from '../../dist/wire/bytes-field.js';
import type { Method as WireMethod } from '../../dist/wire/method.js';
import { methods as v00 } from '../../dist/wire/v00/index.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import { caller } from '../support/caller.js';
import { arbitraryMessage } from '../wire/arbitrary-message.js';
import { fuzzRuns } from '../wire/fuzz-runs.js';
import { stubServices } from './stub-services.js';

const me = caller();

let seen = '';
const served = openShellMethods(stubServices, (_, generation) => {
  seen = generation;
}).filter(({ handler }) => handler.kind !== 'unimplemented');

function byPath(table: Record<string, WireMethod>) {
  return new Map(Object.values(table).map((method) => [method.path, method]));
}

const wire = { '0.0': byPath(v00), '0.1': byPath(v01) };

async function answers({ handler }: Method, bytes: Buffer): Promise<Uint8Array[]> {
  const sent: Uint8Array[] = [];
  const send = (message: Encoded) => {
    const bytes = Buffer.alloc(message.byteLength);
    message.copy(bytes, 0);
    sent.push(bytes);
    return undefined;
  };
  if (handler.kind === 'unary') {
    sent.push(await handler.handle(bytes, me));
  } else if (handler.kind === 'server-stream') {
    await handler.handle(bytes, me, send);
  } else if (handler.kind === 'bidi') {
    await handler.handle(once(bytes), me, send);
  }
  return sent;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** INVALID_ARGUMENT, a refusal by name, or an answer that the client of that generation can read. */
async function check(method: Method, bytes: Buffer): Promise<'answered' | 'refused'> {
  let sent: Uint8Array[];
  try {
    sent = await answers(method, bytes);
  } catch (error) {
    assert(error instanceof OpenShellError, `${method.path}: ${String(error)}`);
    const isRefusal = error.code === Code.FAILED_PRECONDITION && error.reason === 'NotSupported';
    assert(error.code === Code.INVALID_ARGUMENT || isRefusal, `${method.path}: ${error.text}`);
    return 'refused';
  }
  const readers = seen === 'either' ? [wire['0.0'], wire['0.1']] : [wire[seen as '0.0' | '0.1']];
  for (const reader of readers) {
    for (const message of sent) {
      reader.get(method.path)?.decodeResponse(message);
    }
  }
  return 'answered';
}

test('random bytes are refused or answered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...served), fc.uint8Array({ maxLength: 120 }), async (method, bytes) => {
      await check(method, Buffer.from(bytes));
    }),
    { numRuns: fuzzRuns },
  );
});

test('whole messages of both generations are answered or refused; changed ones too', async () => {
  const cases = served.flatMap((method) =>
    [wire['0.0'], wire['0.1']].flatMap((table) => {
      const shape = table.get(method.path);
      return shape === undefined ? [] : [{ method, shape }];
    }),
  );
  let answered = 0;
  for (const { method, shape } of cases) {
    const changed = fc.tuple(arbitraryMessage(shape.input), fc.nat(), fc.nat(255), fc.nat(1));
    await fc.assert(
      fc.asyncProperty(changed, async ([message, seed, value, removed]) => {
        const bytes = shape.encodeRequest(message);
        if ((await check(method, bytes)) === 'answered') {
          answered++;
        }
        const at = bytes.length === 0 ? 0 : seed % bytes.length;
        const rest = bytes.subarray(at + removed);
        await check(method, Buffer.concat([bytes.subarray(0, at), Buffer.from([value]), rest]));
        await check(method, bytes.subarray(0, at));
      }),
      { numRuns: Math.ceil(fuzzRuns / (2 * cases.length)) },
    );
  }
  assert(answered > 100, `only ${answered} messages were answered`);
});
