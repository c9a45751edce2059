import assert from 'node:assert/strict';
import type { ComputeDriver } from '../../../dist/compute/driver.js';
import { Code } from '../../../dist/compute/errors.js';
import type { SandboxRef } from '../../../dist/compute/sandbox.js';
import { collect, openExec, run } from '../../support/run.js';
import { eventually } from '../../support/wait.js';
import type { Workbench } from '../workbench.js';

/** A command with a child, and a grandchild that has left the session and whose parent is gone. `$1` names them. */
const FAMILY = [
  'sleep "$1" &',
  '(setsid /bin/sh -c "trap \\"\\" TERM; sleep $1; :" &)',
  'echo started',
  'sleep "$1"',
].join('\n');

function family(seconds: string): string[] {
  return ['/bin/sh', '-c', FAMILY, 'sh', seconds];
}

/** How many processes of the sandbox have this word among their arguments. */
async function countOf(driver: ComputeDriver, ref: SandboxRef, word: string): Promise<number> {
  const script =
    'n=0; for d in /proc/[0-9]*; do [ "$d" = "/proc/$$" ] || case "$(tr "\\0" " " < $d/cmdline 2>/dev/null)" in *"sleep $1"*) n=$((n+1));; esac; done; echo $n';
  return Number((await run(driver, ref, ['/bin/sh', '-c', script, 'sh', word])).stdout);
}

/** Timeouts and cancelled commands leave nothing running. */
export function execEndTests({ bed, check }: Workbench): void {
  const images = { root: bed.images.shell, 'not root': bed.images.nonRoot };
  for (const [who, image] of Object.entries(images)) {
    if (image === undefined) {
      continue;
    }
    const needs = who === 'root' ? [] : (['nonRootImage'] as const);

    check(
      `exec as ${who}: a timeout is 124 and ends the children`,
      { needs },
      async ({ driver, running }) => {
        const sandbox = await running({}, image);
        const result = await run(driver, sandbox, family('8871'), { timeoutMs: 1_500 });
        assert.equal(result.exitCode, 124);
        assert.equal(result.stdout, 'started\n');
        assert.equal(await countOf(driver, sandbox, '8871'), 0);
        assert.equal((await run(driver, sandbox, ['true'])).exitCode, 0, 'the sandbox lives on');
      },
    );

    check(`exec as ${who}: cancelling ends the children`, { needs }, async ({ driver, running }) => {
      const sandbox = await running({}, image);
      const cancel = new AbortController();
      const session = await openExec(driver, sandbox, family('8872'), { signal: cancel.signal });
      const other = openExec(driver, sandbox, ['sleep', '8873']);
      let text = '';
      const reading = (async () => {
        for await (const { data } of session.output) {
          text += Buffer.from(data).toString();
          if (text === 'started\n') {
            cancel.abort();
          }
        }
      })();
      await assert.rejects(session.exitCode, { code: Code.CANCELLED });
      await reading.catch(() => {});
      await eventually('no process is left', async () => (await countOf(driver, sandbox, '8872')) === 0);
      assert.equal(await countOf(driver, sandbox, '8873'), 1, 'another exec lives on');
      void other.then((o) => o.exitCode.catch(() => {}));
    });
  }

  check('exec: a command that ends in time keeps its exit code', async ({ driver, running }) => {
    const sandbox = await running();
    const result = await run(driver, sandbox, ['/bin/sh', '-c', 'echo hi; exit 9'], { timeoutMs: 60_000 });
    assert.deepEqual(result, { stdout: 'hi\n', stderr: '', exitCode: 9 });
  });

  check('exec: cancelled before it begins', async ({ driver, running }) => {
    const sandbox = await running();
    const opening = openExec(driver, sandbox, ['sleep', '8874'], { signal: AbortSignal.abort() });
    await assert.rejects(opening.then(collect));
    assert.equal(await countOf(driver, sandbox, '8874'), 0);
  });

  check('exec: stopping the sandbox ends it', async ({ driver, running, signal }) => {
    const sandbox = await running();
    const session = await openExec(driver, sandbox, ['/bin/sh', '-c', 'echo on; sleep 8875']);
    const output = session.output[Symbol.asyncIterator]();
    await output.next();
    const ended = session.exitCode.then(
      () => true,
      () => true,
    );
    await driver.stop(sandbox, { signal });
    for (let next = await output.next(); !next.done; next = await output.next()) {}
    assert.equal(await ended, true);
  });
}
