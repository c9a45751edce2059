import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../dist/compute/errors.js';
import { createExecOutput } from '../../dist/drivers/kubernetes/exec-output.js';
import { followGrowth, type Growth } from '../support/growth.js';
import { anExec } from '../support/run.js';
import { eventually } from '../support/wait.js';
import { type AskedExec, CHANNEL, fakeExec } from './fake-exec.js';

const spec = anExec(['flood']);
const chunk = Buffer.alloc(32_768, 'x');
function exitCode(code: number) {
  return {
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

/** How long something floods, and how much the gateway may grow by it, which a second of it would exceed many times. */
const FLOOD_MS = 1_500;
const MOST_GROWTH_MIB = 64;
function growthIn(t: TestContext): Growth {
  const growth = followGrowth([process.pid]);
  t.after(growth.stop);
  return growth;
}

function assertGrowth(growth: Growth) {
  const mib = growth.mostMib();
  assert.ok(mib < MOST_GROWTH_MIB, `grew by ${Math.round(mib)} MiB`);
}

function check(title: string, body: (t: TestContext) => Promise<void>) {
  return test(title, { timeout: 60_000 }, body);
}

describe('a command of a sandbox', { concurrency: false }, () => {
  check("output that overtakes the shell's word does not hold it up", async (t) => {
    const flood = Buffer.alloc(2 * 1024 * 1024, 'x');
    const { exec } = await fakeExec(t, (asked) => {
      for (let at = 0; at < flood.length; at += 32_768) {
        asked.send(CHANNEL.stdout, flood.subarray(at, at + 32_768));
      }
      asked.begin();
      asked.end();
    });
    const session = await exec(spec);
    const read = { stdout: 0, stderr: 0 };
    for await (const { stream, data } of session.output) {
      read[stream] += data.length;
    }
    assert.deepEqual(read, { stdout: flood.length, stderr: 0 });
    assert.equal(await session.exitCode, 0);
  });

  for (const channel of ['stdout', 'stderr'] as const) {
    check(`that floods ${channel} and never says that it begins is held back`, async (t) => {
      const growth = growthIn(t);
      const { exec, asked } = await fakeExec(t, (one) => one.flood(CHANNEL[channel], chunk));
      const session = await exec(spec);
      await sleep(FLOOD_MS);
      assertGrowth(growth);
      for await (const _ of session.output) {
        break;
      }
      await eventually('the connection takes no more than it must', () => asked.length === 1);
    });
  }

  check('that prints byte by byte is held back after some hundred chunks', async () => {
    let isPaused = false;
    const output = createExecOutput({
      pause() {
        isPaused = true;
      },
      resume() {},
    });
    let chunks = 0;
    for (; !isPaused && chunks < 100_000; chunks++) {
      output.push({ stream: 'stdout', data: Buffer.from('x') });
    }
    assert.ok(chunks < 2_000, `${chunks} chunks`);
  });

  check('that nobody reads any more keeps nothing', async (t) => {
    const growth = growthIn(t);
    const { exec } = await fakeExec(t, (one) => {
      one.begin();
      one.flood(CHANNEL.stdout, chunk);
    });
    const session = await exec(spec);
    for await (const _ of session.output) {
      break;
    }
    await sleep(FLOOD_MS);
    assertGrowth(growth);
  });
});

// All at once: each takes the 12 s that such a sandbox is given.
describe('a command whose sandbox', { concurrency: true }, () => {
  const helpers: Record<string, (one: AskedExec) => void> = {
    'floods instead of an answer': (one) => one.flood(CHANNEL.stdout, chunk),
    'never answers': () => {},
    'lies that nothing is left': (one) => {
      one.send(CHANNEL.stdout, '0\n');
      one.end();
    },
    'has no shell any more': (one) =>
      one.end({
        status: 'Failure',
        reason: 'InternalError',
        message:
          'error executing command in container: exec: "/bin/sh": stat /bin/sh: no such file or directory',
      }),
  };
  for (const [what, helper] of Object.entries(helpers)) {
    check(`${what} comes to its end, is counted, and leaves no connection`, async (t) => {
      const growth = growthIn(t);
      const { exec, asked } = await fakeExec(t, (one) => {
        if (one.isHelper) {
          return helper(one);
        }
        one.begin();
        one.flood(CHANNEL.stdout, chunk);
      });
      let left = 0;
      const onLeftBehind = () => {
        left += 1;
      };
      const session = await exec(anExec(['flood'], { timeoutMs: 200 }), { onLeftBehind });
      const began = performance.now();
      // A slow reader: what comes while the command is being ended must not wait for it.
      const reading = (async () => {
        for await (const _ of session.output) {
          await sleep(20);
        }
      })();
      const code = session.exitCode;
      await eventually('the connections are closed', () => asked.every((one) => !one.open), 20_000);
      assert.ok(performance.now() - began < 15_000);
      assert.ok(asked.some((one) => one.isHelper));
      await reading;
      assert.equal(await code, 124);
      assert.equal(left, 1);
      assertGrowth(growth);
    });
  }

  check('says not even that it begins is given up, and its connection closed', async (t) => {
    const { exec, asked } = await fakeExec(t, (one) => {
      if (one.isHelper) {
        one.end(exitCode(1));
      }
    });
    let left = 0;
    const onLeftBehind = () => {
      left += 1;
    };
    await assert.rejects(exec(spec, { timeoutMs: 2_000, onLeftBehind }), {
      code: Code.DEADLINE_EXCEEDED,
      reason: 'ExecNotBegun',
    });
    await eventually('it is counted', () => left === 1);
    await eventually('nothing stays open', () => asked.every((one) => !one.open));
  });

  check('says that it cannot begin, and stays, ends as in a shell and is let go', async (t) => {
    const { exec, asked } = await fakeExec(t, (one) => {
      if (one.isHelper) {
        one.end(exitCode(1));
      } else {
        one.send(CHANNEL.stderr, `\x1e${one.execId}:workdir\x1e`);
      }
    });
    const session = await exec(spec);
    let text = '';
    for await (const { data } of session.output) {
      text += Buffer.from(data).toString();
    }
    assert.equal(text, 'openshell: exec: /sandbox: cannot be the working directory\n');
    assert.equal(await session.exitCode, 126);
    await eventually('nothing stays open', () => asked.every((one) => !one.open));
  });

  check('tells the truth comes to its end at once', async (t) => {
    let command: AskedExec | undefined;
    const { exec } = await fakeExec(t, (one) => {
      if (!one.isHelper) {
        command = one;
        return one.begin();
      }
      one.send(CHANNEL.stdout, command?.open ? '1\n' : '0\n');
      one.end();
      command?.end(exitCode(143));
    });
    let left = 0;
    const onLeftBehind = () => {
      left += 1;
    };
    const began = performance.now();
    const session = await exec(anExec(['sleep'], { timeoutMs: 200 }), { onLeftBehind });
    assert.equal(await session.exitCode, 124);
    assert.ok(performance.now() - began < 5_000);
    assert.equal(left, 0);
  });
});
