import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { readLogs } from '../../dist/drivers/kubernetes/logs.js';
import { followGrowth } from '../support/growth.js';
import { times } from '../support/soak.js';
import { toArray } from '../support/streams.js';
import { fakeApi, type Handler } from './fake-api.js';

const LONGEST = 16 * 1024;
const TIME = '2026-01-02T03:04:05.000000000Z';

async function logOf(t: TestContext, handler: Handler) {
  const { rest, close } = await fakeApi(handler);
  t.after(close);
  return readLogs(
    rest,
    { namespace: 'n', name: 'p' },
    { follow: true, tail: undefined, sinceMs: 0, signal: t.signal },
  );
}

describe('the log of a Pod', () => {
  const mib = times(300, 3_000);
  test(`a line of ${mib} MiB is passed on in parts and never kept`, { timeout: 240_000 }, async (t) => {
    const piece = Buffer.alloc(1024 * 1024, 'x');
    const lines = await logOf(t, async (_url, response) => {
      response.write(`${TIME} `);
      for (let i = 0; i < mib && !response.destroyed; i++) {
        if (!response.write(piece)) {
          await Promise.race([once(response, 'drain'), once(response, 'close')]);
        }
      }
      response.end('\n');
    });
    const growth = followGrowth([process.pid]);
    let length = 0;
    for await (const { message, timeMs } of lines) {
      assert.ok(message.length <= LONGEST);
      assert.equal(timeMs, Date.parse(TIME));
      length += message.length;
    }
    assert.equal(length, mib * piece.length);
    const grown = growth.mostMib();
    growth.stop();
    assert.ok(grown < 64, `grew by ${Math.round(grown)} MiB`);
  });

  test('lines come as they are; a long one in parts, none within a character', async (t) => {
    const long = 'ä'.repeat(LONGEST);
    const lines = await logOf(t, (_url, response) => {
      response.end(`${TIME} a b\n${TIME} ${long}\n${TIME} \nno time\n${TIME} end`);
    });
    const messages = (await toArray(lines)).map(({ message }) => message);
    assert.equal(messages[0], 'a b');
    assert.equal(messages.slice(1, -2).join(''), long);
    assert.ok(messages.length > 4);
    assert.deepEqual(messages.slice(-2), ['', 'end']);
  });
});
