import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import type { ExecSpec } from '../../dist/compute/driver.js';
import { Code } from '../../dist/compute/errors.js';
import { silentLogger } from '../../dist/compute/log.js';
import { createExecSession, type ExecState } from '../../dist/drivers/container/exec-session.js';
import { anExec, collect } from '../support/run.js';
import { frame } from './frame.js';

const WORD =
  'OCI runtime exec failed: exec failed: unable to start container process: exec: "/nope": stat /nope: no such file or directory: unknown\r\n';
const NEVER: ExecState = { Running: false, ExitCode: 127, Pid: 0 };

/** A session over a connection that carries what the test writes to it. */
function session(state: ExecState, spec: Partial<ExecSpec> = {}) {
  const connection = new PassThrough();
  const given = createExecSession({
    socket: connection as unknown as Socket,
    spec: anExec(['/nope'], spec),
    signal: new AbortController().signal,
    inspect: async () => state,
    neverRan: ({ Pid, ExitCode }) => Pid === 0 && ExitCode !== 0,
    end: async () => {},
    resize: async () => {},
    log: silentLogger,
  });
  return { given, connection };
}

const LINE = 'openshell: exec: /nope: no such file or directory';

describe('an exec whose engine says that it never ran', () => {
  test('ends with our line in place of the engine’s word, and the code of a shell', async () => {
    const { given, connection } = session(NEVER);
    connection.end(frame(1, WORD));
    assert.deepEqual(await collect(given), { stdout: '', stderr: `${LINE}\n`, exitCode: 127 });
  });

  test('does so however its word is cut', async () => {
    const { given, connection } = session(NEVER);
    const reading = collect(given);
    for (const part of [WORD.slice(0, 40), WORD.slice(40, 90), WORD.slice(90)]) {
      connection.write(frame(1, part));
      await new Promise((done) => setImmediate(done));
    }
    connection.end();
    assert.deepEqual(await reading, { stdout: '', stderr: `${LINE}\n`, exitCode: 127 });
  });

  test('says it on stdout with a terminal', async () => {
    const { given, connection } = session(NEVER, { tty: true });
    connection.end(WORD);
    assert.deepEqual(await collect(given), { stdout: `${LINE}\r\n`, stderr: '', exitCode: 127 });
  });

  test('is INVALID_ARGUMENT for a reason that no shell has a code for', async () => {
    for (const word of ['', 'OCI runtime exec failed: unable to find user ghost\r\n']) {
      const { given, connection } = session({ ...NEVER, ExitCode: 126 });
      connection.end(frame(1, word));
      await assert.rejects(collect(given), { code: Code.INVALID_ARGUMENT, field: 'command' });
    }
  });
});

describe('a command that prints what an engine would', () => {
  test('keeps its output and its code', async () => {
    const { given, connection } = session({ Running: false, ExitCode: 127, Pid: 7 });
    connection.end(frame(1, WORD));
    assert.deepEqual(await collect(given), { stdout: WORD, stderr: '', exitCode: 127 });
  });

  test('is not held back for long', async () => {
    const { given, connection } = session({ Running: false, ExitCode: 0, Pid: 7 });
    const output = given.output[Symbol.asyncIterator]();
    const first = output.next();
    for (let i = 0; i < 8; i++) {
      connection.write(frame(1, `runc ${i}\n`));
      await new Promise((done) => setImmediate(done));
    }
    const early = await Promise.race([
      first,
      new Promise((done) => setTimeout(done, 10_000, 'held back').unref()),
    ]);
    assert.notEqual(early, 'held back');
    connection.end();
    for (let next = await output.next(); !next.done; next = await output.next()) {}
    assert.equal(await given.exitCode, 0);
  });
});
