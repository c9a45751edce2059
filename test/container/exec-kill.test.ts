import assert from 'node:assert/strict';
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  EXEC_MARK_VARIABLE,
  endExec,
  execKillCommand,
  signalByShell,
} from '../../dist/drivers/container-exec/exec-kill.js';

/** The shells of this machine that a sandbox's /bin/sh may be. */
const SHELLS = [['bash'], ['bash', '--posix'], ['dash'], ['busybox', 'sh']].filter(([program = '']) => {
  try {
    execFileSync(program, ['-c', 'true'].slice(0, program === 'busybox' ? 0 : 2), { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

function runWith(shell: readonly string[]) {
  return async ([, ...rest]: string[]): Promise<string> => {
    const [program = '', ...options] = shell;
    return (await promisify(execFile)(program, [...options, ...rest])).stdout;
  };
}

/** Starts a shell script that carries the mark, and waits for its first word. */
async function marked(mark: string, script: string): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', script], {
    env: {
      // Before and behind the mark stand things that a line or a pattern could stumble over.
      A_LINES: 'one\ntwo\\\n*"$1"',
      PATH: process.env.PATH,
      [EXEC_MARK_VARIABLE]: mark,
      Z_LONG: `\n${'x'.repeat(10_000)}`,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit');
  }
}

for (const shell of SHELLS) {
  const name = shell.join(' ');
  const run = runWith(shell);

  test(`${name}: counts and ends what carries the mark, and nothing else`, async () => {
    const [mine, other] = [randomUUID(), randomUUID()];
    const child = await marked(mine, '(sleep 600 &) ; sleep 600 & echo up; sleep 600');
    const bystander = await marked(other, 'echo up; sleep 600');
    // The shell, two children of its own and one that was given away.
    assert.equal(await run(execKillCommand(mine, '0')), '4\n');
    await endExec(signalByShell(run, mine));
    assert.equal(await run(execKillCommand(mine, '0')), '0\n');
    await ended(child);
    assert.equal(await run(execKillCommand(other, '0')), '2\n');
    await endExec(signalByShell(run, other));
    await ended(bystander);
  });

  test(`${name}: what ignores TERM is killed after the grace`, async () => {
    const mark = randomUUID();
    const child = await marked(mark, 'trap "" TERM; echo up; while :; do sleep 600; done');
    await endExec(signalByShell(run, mark));
    assert.equal(await run(execKillCommand(mark, '0')), '0\n');
    await ended(child);
  });

  test(`${name}: nothing to end`, async () => {
    await endExec(signalByShell(run, randomUUID()));
  });
}

test('an id that could be more than a word is refused', () => {
  assert.throws(() => execKillCommand('x"; reboot', 'TERM'), RangeError);
  assert.throws(() => execKillCommand('', 'TERM'), RangeError);
});
