import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createStartReportReader, execCommand } from '../../dist/drivers/kubernetes/exec-command.js';

const execId = 'e1';
function run(command: string[], environment: Record<string, string> = {}, workdir = '/') {
  const [program = '', ...argv] = execCommand({ execId, workdir, environment, command });
  try {
    return {
      stdout: execFileSync(program, argv, { stdio: ['ignore', 'pipe', 'pipe'] }).toString(),
      stderr: '',
    };
  } catch (error) {
    return { stdout: '', stderr: String((error as { stderr: Buffer }).stderr) };
  }
}

describe('the shell before a command', () => {
  test('leaves every argument and variable as it was given', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', ' ', '"', "'", '$', '\\', '\n', '-', '*') }), {
          maxLength: 4,
        }),
        fc.string({ unit: fc.constantFrom('b', '=', ' ', '$', '\n', '`') }),
        (argv, value) => {
          const { stdout } = run(['printenv', '-0', 'X'], { X: value });
          assert.equal(stdout, `${value}\0`);
          const said = run(['printf', '%s\\0', '-', ...argv]).stdout;
          assert.deepEqual(said.split('\0').slice(1, -1), argv);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('says which of directory and program cannot be used', () => {
    for (const place of ['/nope', '/dev/null']) {
      assert.match(run(['true'], {}, place).stderr, /e1:workdir/);
    }
    for (const name of ['nope-nope', '/nope', './nope', '/dev/null/x', '']) {
      assert.match(run([name]).stderr, /e1:program/, name);
    }
    for (const name of ['/dev/null', '/', '/etc/passwd', 'etc/passwd']) {
      assert.match(run([name]).stderr, /e1:permission/, name);
    }
  });
});

describe('the report', () => {
  test('is taken out of the output however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 5 }), (cuts) => {
        const whole = Buffer.from('before\x1ee1:ok\x1eafter\x1e');
        const at = [0, ...cuts.filter((cut) => cut <= whole.length).sort((a, b) => a - b), whole.length];
        const reader = createStartReportReader(execId);
        let report: string | undefined;
        const rest: Uint8Array[] = [];
        for (let i = 1; i < at.length; i++) {
          const piece = whole.subarray(at[i - 1], at[i]);
          if (report !== undefined) {
            rest.push(piece);
          } else {
            const taken = reader.take(piece);
            report = taken.report;
            rest.push(taken.rest);
          }
        }
        assert.equal(report, 'ok');
        assert.equal(Buffer.concat(rest).toString(), 'beforeafter\x1e');
      }),
    );
  });
});
