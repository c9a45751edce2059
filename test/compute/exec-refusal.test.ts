import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExecRefusal } from '../../dist/compute/exec-refusal.js';
import { refusalOf, refusedExec, refusedSession } from '../../dist/compute/exec-refusal.js';

function said(refusal: ExecRefusal, command: string[], more: { workdir?: string; tty?: boolean } = {}) {
  const { chunk, exitCode } = refusedExec(refusal, { command, workdir: '', tty: false, ...more });
  return [chunk.stream, Buffer.from(chunk.data).toString(), exitCode];
}

test('a line and an exit code as of a shell', () => {
  assert.deepEqual(said('no such file or directory', ['/nope', 'a']), [
    'stderr',
    'openshell: exec: /nope: no such file or directory\n',
    127,
  ]);
  assert.deepEqual(said('no such file or directory', ['nope']), [
    'stderr',
    'openshell: exec: nope: command not found\n',
    127,
  ]);
  assert.deepEqual(said('permission denied', ['/etc/passwd']), [
    'stderr',
    'openshell: exec: /etc/passwd: permission denied\n',
    126,
  ]);
  assert.deepEqual(said('cannot be the working directory', ['true'], { workdir: '/nope' }), [
    'stderr',
    'openshell: exec: /nope: cannot be the working directory\n',
    126,
  ]);
  assert.match(String(said('cannot be the working directory', ['true'])[1]), /: the workspace path: /);
});

test('with a terminal it comes as stdout, with the line end of a terminal', () => {
  assert.deepEqual(said('permission denied', ['/x'], { tty: true }), [
    'stdout',
    'openshell: exec: /x: permission denied\r\n',
    126,
  ]);
});

test('a name is shown without control characters, and not at any length', () => {
  const [, line] = said('no such file or directory', ['/a\nb\x1b[31m\u202e\ud800\u009b\0é']);
  assert.equal(
    line,
    'openshell: exec: /a\\nb\\u{1b}[31m\\u{202e}\\u{d800}\\u{9b}\\u{0}é: no such file or directory\n',
  );
  for (const character of ['x', '\x1b', '🦀', '\ud800']) {
    const long = String(said('no such file or directory', [`/${character.repeat(50_000)}`])[1]);
    assert.ok(Buffer.byteLength(long) < 320, `${Buffer.byteLength(long)} bytes`);
    assert.match(long, /^openshell: exec: \/[^\n]*…: no such file or directory\n$/);
  }
});

test('words of a libc or an engine are known in any case', () => {
  assert.equal(refusalOf('Permission denied'), 'permission denied');
  for (const word of ['', 'constructor', 'No space left on device']) {
    assert.equal(refusalOf(word), undefined);
  }
});

test('its session takes input without end, and tells the exit code after its line', async () => {
  const session = refusedSession('permission denied', {
    command: ['/x'],
    workdir: '',
    tty: false,
    stdin: true,
  });
  await new Promise<void>((done, fail) => {
    session.stdin?.on('error', fail).on('finish', done);
    session.stdin?.write(Buffer.alloc(1024 * 1024));
    session.stdin?.end('x');
  });
  await session.resize({ cols: 1, rows: 1 });
  let text = '';
  for await (const { data } of session.output) {
    text += Buffer.from(data).toString();
  }
  assert.equal(text, 'openshell: exec: /x: permission denied\n');
  assert.equal(await session.exitCode, 126);
});
