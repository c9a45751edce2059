import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Code } from '../../../dist/compute/errors.js';
import { collect, openExec, type RunOptions, run } from '../../support/run.js';
import { eventually } from '../../support/wait.js';
import type { Workbench } from '../workbench.js';

/** Prints each of its arguments between brackets. */
const PRINT_ARGS = 'for a in "$@"; do printf "<%s>" "$a"; done';

/** Argv, environment, working directory, streams and exit codes of commands run in a sandbox. */
export function execTests({ bed, check }: Workbench): void {
  check('exec: argv arrives as it is', async ({ driver, running }) => {
    const sandbox = await running();
    const hostile = [
      '',
      ' ',
      'a b',
      `'"\`$HOME $(id) \\`,
      'line\nline\r\n\ttab',
      'grüße 日本語 🦀',
      '*',
      '--help',
      '; exit 7 #',
      'x'.repeat(20_000),
    ];
    const { stdout, exitCode } = await run(driver, sandbox, ['/bin/sh', '-c', PRINT_ARGS, 'sh', ...hostile]);
    assert.equal(stdout, hostile.map((arg) => `<${arg}>`).join(''));
    assert.equal(exitCode, 0);
  });

  check('exec: no shell stands between', async ({ driver, running }) => {
    const sandbox = await running();
    const { stdout } = await run(driver, sandbox, ['echo', '$HOME', '&&', 'exit', '3']);
    assert.equal(stdout, '$HOME && exit 3\n');
  });

  check('exec: environment arrives as it is', async ({ driver, running }) => {
    const sandbox = await running({ environment: { FROM_SPEC: 'spec', BOTH: 'spec' } });
    const environment = {
      BOTH: 'exec',
      QUOTES: `'"\`$(id)$HOME`,
      LINES: 'one\ntwo\n',
      EMPTY: '',
      EQUALS: 'a=b=c',
      UNICODE: 'ü日🦀',
      LONG: 'v'.repeat(8_192),
    };
    for (const [name, value] of Object.entries({ ...environment, FROM_SPEC: 'spec' })) {
      const command = ['/bin/sh', '-c', `printf '%s' "$${name}"`];
      const { stdout } = await run(driver, sandbox, command, { environment });
      assert.equal(stdout, value, name);
    }
  });

  check('exec: working directory', async ({ driver, running }) => {
    const sandbox = await running();
    assert.equal((await run(driver, sandbox, ['pwd'])).stdout, '/sandbox\n');
    assert.equal((await run(driver, sandbox, ['pwd'], { workdir: '/tmp' })).stdout, '/tmp\n');
  });

  check('exec: stdout and stderr apart, and the exit code', async ({ driver, running }) => {
    const sandbox = await running();
    const script = 'echo out; echo err >&2; exit 42';
    assert.deepEqual(await run(driver, sandbox, ['/bin/sh', '-c', script]), {
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 42,
    });
    for (const code of [0, 1, 126, 127, 255]) {
      assert.equal((await run(driver, sandbox, ['/bin/sh', '-c', `exit ${code}`])).exitCode, code);
    }
    const killed = await run(driver, sandbox, ['/bin/sh', '-c', 'kill -KILL $$']);
    assert.equal(killed.exitCode, 137);
  });

  check('exec: stdin to its end, 8 MiB there and back', async ({ driver, running }) => {
    const sandbox = await running();
    const input = randomBytes(8 * 1024 * 1024);
    const session = await openExec(driver, sandbox, ['cat'], { stdin: true });
    const { stdin } = session;
    assert.ok(stdin);
    const writing = (async () => {
      for (let at = 0; at < input.length; at += 65_536) {
        if (!stdin.write(input.subarray(at, at + 65_536))) {
          await new Promise((resolve) => stdin.once('drain', resolve));
        }
      }
      stdin.end();
    })();
    const hash = createHash('sha256');
    let length = 0;
    for await (const { data } of session.output) {
      hash.update(data);
      length += data.length;
    }
    await writing;
    assert.equal(length, input.length);
    assert.equal(hash.digest('hex'), createHash('sha256').update(input).digest('hex'));
    assert.equal(await session.exitCode, 0);
  });

  check('exec: stdin holds the writer back while the command does not read', async ({ driver, running }) => {
    const sandbox = await running();
    const session = await openExec(driver, sandbox, ['/bin/sh', '-c', 'read go; sleep 0.3; wc -c'], {
      stdin: true,
    });
    const result = collect(session);
    session.stdin?.write('go\n');
    const block = Buffer.alloc(4 * 1024 * 1024, 'x');
    assert.equal(session.stdin?.write(block), false, 'the writer is told to wait');
    session.stdin?.end();
    assert.deepEqual(await result, { stdout: `${block.length}\n`, stderr: '', exitCode: 0 });
  });

  check('exec: reading slowly holds the command back', async ({ driver, running }) => {
    const sandbox = await running();
    // More than all buffers between here and there; the file is written when the command has got rid of it.
    const script = 'head -c 67108864 /dev/zero; echo done > /tmp/done';
    const session = await openExec(driver, sandbox, ['/bin/sh', '-c', script]);
    const output = session.output[Symbol.asyncIterator]();
    const first = await output.next();
    let length = first.done ? 0 : first.value.data.length;
    const early = await run(driver, sandbox, ['/bin/sh', '-c', 'sleep 0.5; cat /tmp/done']);
    assert.notEqual(early.stdout, 'done\n', 'the command waits for its reader');
    for (let next = await output.next(); !next.done; next = await output.next()) {
      length += next.value.data.length;
    }
    assert.equal(length, 67_108_864);
    assert.equal(await session.exitCode, 0);
  });

  check('exec: without stdin the command reads end of file', async ({ driver, running }) => {
    const sandbox = await running();
    assert.deepEqual(await run(driver, sandbox, ['cat']), { stdout: '', stderr: '', exitCode: 0 });
  });

  check('exec: what does not start ends as in a shell', async ({ driver, running }) => {
    const sandbox = await running();
    const prepare = 'cd /tmp && : > plain && chmod 644 plain';
    assert.equal((await run(driver, sandbox, ['/bin/sh', '-c', prepare])).exitCode, 0);
    const workdir = 'cannot be the working directory';
    const cases: readonly (readonly [string, RunOptions, number, string])[] = [
      ['/no/such/program', {}, 127, '/no/such/program: no such file or directory'],
      ['no-such-program', {}, 127, 'no-such-program: command not found'],
      ['/tmp/plain', {}, 126, '/tmp/plain: permission denied'],
      ['/tmp', {}, 126, '/tmp: permission denied'],
      ['true', { workdir: '/no/such/place' }, 126, `/no/such/place: ${workdir}`],
      ['true', { workdir: '/tmp/plain' }, 126, `/tmp/plain: ${workdir}`],
      [
        '/no/such/one',
        { input: 'unread', timeoutMs: 60_000 },
        127,
        '/no/such/one: no such file or directory',
      ],
      ['/a"`\t\x1b[31m', {}, 127, '/a"`\\t\\u{1b}[31m: no such file or directory'],
    ];
    for (const [program, options, exitCode, line] of cases) {
      assert.deepEqual(await run(driver, sandbox, [program, 'argument'], options), {
        stdout: '',
        stderr: `openshell: exec: ${line}\n`,
        exitCode,
      });
    }
    assert.equal((await run(driver, sandbox, ['true'])).exitCode, 0, 'and nothing is broken by it');
  });

  check('exec: what does not start on a terminal says so there', { needs: ['tty'] }, async (desk) => {
    const sandbox = await desk.running();
    const result = await run(desk.driver, sandbox, ['/no/such/program'], { tty: true, input: '' });
    assert.deepEqual(result, {
      stdout: 'openshell: exec: /no/such/program: no such file or directory\r\n',
      stderr: '',
      exitCode: 127,
    });
  });

  check('exec: in a stopped and in an unknown sandbox', async ({ driver, running, signal }) => {
    const sandbox = await running();
    await driver.stop(sandbox, { signal });
    await assert.rejects(run(driver, sandbox, ['true']), { code: Code.FAILED_PRECONDITION });
    await driver.delete(sandbox, { signal });
    await assert.rejects(run(driver, sandbox, ['true']), { code: Code.NOT_FOUND });
  });

  check('exec: terminal, its size, and resize', { needs: ['tty'] }, async ({ driver, running }) => {
    const sandbox = await running();
    // Engines set a size a moment after they were told.
    const script =
      'test -t 0 && test -t 1 && test -t 2 || exit 9; until [ "$(stty size)" = "33 91" ]; do :; done; echo first; read x; until [ "$(stty size)" = "40 120" ]; do :; done; stty size; echo "got $x"';
    const session = await openExec(driver, sandbox, ['/bin/sh', '-c', script], {
      tty: true,
      stdin: true,
      size: { cols: 91, rows: 33 },
    });
    let text = '';
    const reading = (async () => {
      for await (const { stream, data } of session.output) {
        assert.equal(stream, 'stdout');
        text += Buffer.from(data).toString();
      }
    })();
    await eventually('the first size', () => /first\r\n/.test(text));
    await session.resize({ cols: 120, rows: 40 });
    session.stdin?.write('on\n');
    await reading;
    assert.match(text, /40 120\r\n/);
    assert.match(text, /got on\r\n/);
    assert.equal(await session.exitCode, 0);
  });

  check('exec: the end of stdin ends what reads a terminal', { needs: ['tty'] }, async (desk) => {
    const sandbox = await desk.running();
    const session = await openExec(desk.driver, sandbox, ['cat'], { tty: true, stdin: true });
    session.stdin?.end('word\n');
    const { stdout, exitCode } = await collect(session);
    assert.match(stdout, /word\r\nword\r\n/);
    assert.equal(exitCode, 0);
  });

  check('exec: many at once', async ({ driver, running }) => {
    const sandbox = await running();
    const words = Array.from({ length: 12 }, (_, i) => `word-${i}`);
    const results = await Promise.all(words.map((word) => run(driver, sandbox, ['echo', word])));
    assert.deepEqual(
      results.map((result) => result.stdout),
      words.map((word) => `${word}\n`),
    );
  });

  if (bed.images.noShell !== undefined) {
    check('exec: without a shell', { needs: ['noShellImage'] }, async ({ driver, running }) => {
      const sandbox = await running({ command: ['sleep', '600'] }, bed.images.noShell);
      assert.equal((await run(driver, sandbox, ['echo', 'hello'])).stdout, 'hello\n');
      for (const program of ['/bin/sh', 'no-such-program']) {
        const { stdout, stderr, exitCode } = await run(driver, sandbox, [program]);
        assert.deepEqual([stdout, exitCode], ['', 127]);
        assert.match(stderr, /^openshell: exec: [^\n]+: (no such file or directory|command not found)\n$/);
      }
      const timed = run(driver, sandbox, ['sleep', '600'], { timeoutMs: 1_000 });
      if (bed.lacks.endsWithoutShell === undefined) {
        assert.equal((await timed).exitCode, 124);
      } else {
        await assert.rejects(timed, { code: Code.FAILED_PRECONDITION });
      }
    });
  }
}
