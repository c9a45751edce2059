import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ComputeDriver, EXEC_LEFT_BEHIND, type ExecSession } from '../../../dist/compute/driver.js';
import { Code, OpenShellError } from '../../../dist/compute/errors.js';
import type { DriverSandbox } from '../../../dist/compute/sandbox.js';
import { followGrowth } from '../../support/growth.js';
import { openExec, run } from '../../support/run.js';
import { eventually } from '../../support/wait.js';
import type { Desk, Workbench } from '../workbench.js';

/** By how much the process that runs the driver may grow, whatever a sandbox does. */
const MOST_GROWTH_MIB = 64;
/** From the moment that a command is to end until it has. */
const GONE_MS = 15_000;
const TIMEOUT_MS = 5_000;
/** Longer than the timeout of a command that begins when its sandbox's shell is gone. */
const LATE_MS = 2_000;

/** What a sandbox may put in the place of its /bin/sh. */
const SHELLS: Readonly<Record<string, string>> = {
  'prints without end': '#!/bin/busybox yes\n',
  hangs: '#!/bin/busybox sh\ntrap "" TERM INT HUP\nwhile :; do /bin/busybox sleep 3600; done\n',
  lies: '#!/bin/busybox sh\necho 0\n',
  'is gone': '',
};
const REPLACE =
  '/bin/busybox rm -f /bin/sh; if [ -n "$1" ]; then printf %s "$1" >/bin/sh; /bin/busybox chmod 755 /bin/sh; fi';

/** A command that no TERM ends, with a child. `$1` names them. */
const STUBBORN =
  'trap "" TERM; /bin/busybox sleep "$1" & while :; do /bin/busybox sleep "$1"; done; : sleep "$1"';
function stubborn(word: string): string[] {
  return ['/bin/busybox', 'sh', '-c', STUBBORN, `sleep ${word}`, word];
}

/** Settles with what the command's end was; reads its output away meanwhile. */
async function outcomeOf(session: ExecSession): Promise<number | OpenShellError> {
  const exit = session.exitCode.catch((error: unknown) => OpenShellError.from(error));
  try {
    for await (const _ of session.output) {
    }
  } catch {
    // The exit code says it.
  }
  return exit;
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const late = new AbortController();
  const limit = sleep(ms, undefined, { signal: late.signal }).then(() => {
    throw new Error(`not within ${ms} ms: ${what}`);
  });
  limit.catch(() => {});
  try {
    return await Promise.race([work, limit]);
  } finally {
    late.abort();
  }
}

/** Prints how many processes have `sleep WORD` among their arguments, itself not counted. */
function countOf(word: string): string {
  return `/bin/busybox ps -o args | /bin/busybox grep -c "sleep [${word.slice(0, 1)}]${word.slice(1)}"`;
}

/** Counts processes of a sandbox by a word among their arguments, from a command that was there before the mischief. */
async function observe(driver: ComputeDriver, sandbox: DriverSandbox, word: string) {
  const script = `while :; do ${countOf(word)}; /bin/busybox sleep 0.2; done`;
  const stop = new AbortController();
  const session = await openExec(driver, sandbox, ['/bin/busybox', 'sh', '-c', script], {
    signal: stop.signal,
  });
  let latest: number | undefined;
  let looks = 0;
  session.exitCode.catch(() => {});
  const reading = (async () => {
    for await (const { stream, data } of session.output) {
      const counts = Buffer.from(data).toString().trim().split(/\s+/).map(Number);
      if (stream === 'stdout') {
        latest = counts.at(-1);
      }
      looks += 1;
    }
  })();
  reading.catch(() => {});
  return {
    count: () => latest,
    /** Until this or more are there; 0: until none is, in a look that begins now. */
    async sees(atLeast: number, ms: number): Promise<void> {
      const from = looks + 1;
      await eventually(
        atLeast === 0 ? 'no process is left' : 'the processes are there',
        () => (atLeast === 0 ? latest === 0 && looks > from : (latest ?? 0) >= atLeast),
        ms,
      );
    },
    stop: () => stop.abort(),
  };
}

async function answers(driver: ComputeDriver, sandbox: DriverSandbox, what: string): Promise<void> {
  const { exitCode } = await within(GONE_MS, what, run(driver, sandbox, ['/bin/busybox', 'true']));
  assert.equal(exitCode, 0, what);
}

/** What a sandbox does to harm the gateway or its neighbours, and does not. */
export function hostileTests({ bed, check }: Workbench): void {
  const grows = async ({ gatewayId }: Desk) =>
    followGrowth((await bed.processes?.(gatewayId)) ?? [process.pid]);
  const assertGrowth = (mib: number) =>
    assert.ok(mib <= MOST_GROWTH_MIB, `the driver's process grew by ${Math.round(mib)} MiB`);

  // Most of each is waiting for a timeout: two at a time.
  describe('hostile shells', { concurrency: 2 }, () => {
    for (const [what, shell] of Object.entries(SHELLS)) {
      check(`hostile: a /bin/sh that ${what}`, async (desk) => {
        const { driver, running, watch } = desk;
        const [victim, neighbour] = await Promise.all([
          running({}, bed.images.open ?? bed.images.shell),
          running(),
        ]);
        const word = '88991';
        const observer = await observe(driver, victim, word);
        await observer.sees(0, GONE_MS);
        const growth = await grows(desk);
        try {
          const cancel = new AbortController();
          const began = performance.now();
          const [timed, left] = await Promise.all([
            openExec(driver, victim, stubborn(word), { timeoutMs: TIMEOUT_MS }),
            openExec(driver, victim, stubborn(word), { signal: cancel.signal }),
          ]);
          const outcomes = [outcomeOf(timed), outcomeOf(left)] as const;
          await observer.sees(4, GONE_MS);
          await run(driver, victim, ['/bin/busybox', 'sh', '-c', REPLACE, 'sh', shell]);
          cancel.abort();
          const ended = within(GONE_MS, 'the command whose client left has ended', outcomes[1]);
          const allowedMs = TIMEOUT_MS - (performance.now() - began) + GONE_MS;
          const [code, cancelled] = await Promise.all([
            within(allowedMs, 'the command with a timeout has ended', outcomes[0]),
            ended,
          ]);
          assertGrowth(growth.mostMib());
          assert.equal(code, 124);
          assert.ok(cancelled instanceof OpenShellError && cancelled.code === Code.CANCELLED);

          if (bed.lacks.endsWithoutShell === undefined) {
            await observer.sees(0, GONE_MS);
          } else if (observer.count() !== 0) {
            await eventually('the driver says that a command was left behind', () =>
              watch.events.some(
                (e) => e.type === 'platform' && e.id === victim.id && e.event.reason === EXEC_LEFT_BEHIND,
              ),
            );
          }
          await answers(driver, neighbour, 'the neighbour answers');

          // A command that begins now: whether it can is the engine's affair, that it comes to an end is the driver's.
          const late = new AbortController();
          const opening = openExec(driver, victim, ['/bin/busybox', 'sleep', '3'], {
            signal: late.signal,
            timeoutMs: 1_000,
          }).then(outcomeOf, () => undefined);
          const soon = setTimeout(() => late.abort(), LATE_MS);
          await within(LATE_MS + GONE_MS, 'a command in such a sandbox comes to an end', opening);
          clearTimeout(soon);
          await answers(driver, neighbour, 'the neighbour still answers');
          assertGrowth(growth.mostMib());
        } finally {
          growth.stop();
          observer.stop();
        }
      });
    }
  });

  /** Each runs for some seconds, so that no test loads the machine for longer, whatever becomes of it. */
  const storms: Readonly<Record<string, string>> = {
    'a line without end': "/bin/busybox timeout -s KILL 8 /bin/busybox yes xyz | /bin/busybox tr -d '\\n'",
    'a storm of newlines': '/bin/busybox timeout -s KILL 8 /bin/busybox yes ""',
  };
  for (const [what, storm] of Object.entries(storms)) {
    check(`hostile: ${what} into the log`, { needs: ['logs'] }, async (desk) => {
      const { driver, running } = desk;
      const neighbour = await running();
      await answers(driver, neighbour, 'the neighbour answers at first');
      const growth = await grows(desk);
      try {
        const command = ['/bin/busybox', 'sh', '-c', `${storm}; exec /bin/busybox sleep 600`];
        const victim = await running({ command });
        // Nobody follows for a while; then one follows as fast as it can and one slowly.
        await sleep(1_500);
        const stop = new AbortController();
        const follow = async (lineMs: number) => {
          const options = { follow: true, tail: undefined, sinceMs: 0, signal: stop.signal };
          for await (const { message } of driver.access?.logs(victim, options) ?? []) {
            assert.ok(Buffer.byteLength(message) <= 16 * 1024, 'a line is cut');
            if (lineMs > 0) {
              await sleep(lineMs);
            }
          }
        };
        const following = Promise.all([follow(0), follow(5)]);
        await Promise.race([following, sleep(4_000)]);
        await answers(driver, neighbour, 'the neighbour answers');
        stop.abort();
        await within(GONE_MS, 'the followers end', following);
        assertGrowth(growth.mostMib());
      } finally {
        growth.stop();
      }
    });
  }

  if (bed.pidsLimit32Settings !== undefined) {
    const options = { needs: ['pidsLimit'], settings: bed.pidsLimit32Settings } as const;
    check('hostile: as many processes as there may be', options, async ({ driver, running }) => {
      const [victim, neighbour] = await Promise.all([running(), running()]);
      // Forks until nothing can be forked any more, so that no second command can start to end the first.
      const script =
        '(trap "" TERM; while :; do /bin/busybox sleep 88992 & done) 2>/dev/null; trap "" TERM; exec /bin/busybox sleep 88992';
      const session = await openExec(driver, victim, ['/bin/busybox', 'sh', '-c', script], {
        timeoutMs: 3_000,
      });
      const outcome = outcomeOf(session);
      await answers(driver, neighbour, 'the neighbour answers');
      assert.equal(await within(3_000 + GONE_MS, 'the command has ended', outcome), 124);
      await eventually(
        'nothing of it is left',
        async () => {
          const look = run(driver, victim, ['/bin/busybox', 'sh', '-c', countOf('88992')]);
          return (await look.catch(() => undefined))?.stdout === '0\n';
        },
        GONE_MS,
      );
      await answers(driver, victim, 'the sandbox itself answers again');
    });
  }

  if (bed.diskMib !== undefined) {
    const { diskMib } = bed;
    check('hostile: as much on disk as there may be', { needs: ['diskLimit'] }, async (desk) => {
      const { driver, running } = desk;
      const [victim, neighbour] = await Promise.all([running(), running()]);
      const growth = await grows(desk);
      try {
        const fill = `/bin/busybox dd if=/dev/zero of=/sandbox/fill bs=65536 count=${(diskMib + 64) * 16}`;
        const size = '/bin/busybox stat -c %s /sandbox/fill';
        const filled = await run(driver, victim, ['/bin/busybox', 'sh', '-c', `${fill}; ${size}`]);
        assert.match(filled.stderr, /No space left|quota/i);
        assert.ok(Number(filled.stdout) <= diskMib * 1024 * 1024, filled.stdout);
        const write = 'echo word >/sandbox/word && /bin/busybox cat /sandbox/word';
        const beside = await run(driver, neighbour, ['/bin/busybox', 'sh', '-c', write]);
        assert.equal(beside.stdout, 'word\n', 'the neighbour writes');
        await run(driver, victim, ['/bin/busybox', 'rm', '/sandbox/fill']);
        const again = await run(driver, victim, ['/bin/busybox', 'sh', '-c', write]);
        assert.equal(again.stdout, 'word\n', 'the sandbox writes again');
        assertGrowth(growth.mostMib());
      } finally {
        growth.stop();
      }
    });
  }
}
