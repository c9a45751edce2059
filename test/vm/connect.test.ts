import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { toArray } from '../support/streams.js';
import { eventually } from '../support/wait.js';
import { makeOwnDriver, SLOW_MS, sandboxOf, withoutMachines } from './driver.js';

const PORT = 8080;
const ECHO = ['/bin/busybox', 'nc', '-ll', '-p', String(PORT), '-e', '/bin/busybox', 'cat'];

const options = { skip: withoutMachines, timeout: 300_000 };

test('a port inside a guest, through the driver process', options, async () => {
  const signal = AbortSignal.timeout(240_000);
  const { driver, destroy } = await makeOwnDriver();
  try {
    const sandbox = sandboxOf(ECHO);
    const connect = (port: number) => {
      const connecting = driver.access?.connect?.(sandbox, port, { signal });
      assert.ok(connecting !== undefined, 'the driver offers connections');
      return connecting;
    };
    await driver.create(sandbox, { signal });
    await eventually(
      'it listens',
      async () =>
        connect(PORT).then(
          ({ input }) => {
            input.end();
            return true;
          },
          () => false,
        ),
      SLOW_MS,
    );
    const { input, output } = await connect(PORT);
    const sent = randomBytes(300_000);
    input.end(sent);
    const got = await toArray(output);
    assert.ok(sent.equals(Buffer.concat(got)));
    await assert.rejects(connect(PORT + 1), { code: Code.UNAVAILABLE });
    await driver.stop(sandbox, { signal });
    await assert.rejects(connect(PORT), { code: Code.FAILED_PRECONDITION });
  } finally {
    await destroy();
  }
});
