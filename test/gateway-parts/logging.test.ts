import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { notFound } from '../../dist/compute/errors.js';
import { createLogger, type LoggerOptions, type SandboxLine } from '../../dist/logging/logger.js';

function start(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    readable: false,
    write: (text) => lines.push(text),
    now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    ...options,
  });
  const parsed = () => lines.map((line) => JSON.parse(line));
  return { log, lines, parsed };
}

test('JSON lines: time, level, message and the fields, those of a child included', () => {
  const { log, lines, parsed } = start();
  log.child({ driver: 'docker' }).warn('slow', { took_ms: 5, none: undefined, level: 'mine' });
  assert.deepEqual(parsed(), [
    { time: '2026-01-02T03:04:05.006Z', level: 'warn', message: 'slow', driver: 'docker', took_ms: 5 },
  ]);
  assert.ok(lines[0]?.endsWith('}\n'));
});

test('readable lines keep what is logged from writing to the terminal', () => {
  const { log, lines } = start({ readable: true });
  log.info('hello\n\u001b[2J', { name: 'a\u009bb', list: [1, 2] });
  assert.deepEqual(lines, ['03:04:05.006 INFO  hello\\u000a\\u001b[2J name=a\\u009bb list=[1,2]\n']);
});

test('an error that the message says already stands once in what people read', () => {
  const error = notFound('image not found');
  const seen: SandboxLine[] = [];
  const { log, lines } = start({ readable: true, onSandboxLine: (line) => seen.push(line) });
  log.warn('CreateFailed: image not found', { sandbox_id: 's', error });
  assert.deepEqual(lines, [
    '03:04:05.006 WARN  CreateFailed: image not found sandbox_id=s error_code=NOT_FOUND\n',
  ]);
  assert.deepEqual(seen[0]?.fields, { error_code: 'NOT_FOUND' });
  const json = start();
  json.log.warn('CreateFailed: image not found', { error });
  assert.equal(json.parsed()[0].error, 'image not found');
});

test('each level writes itself and what is more important', () => {
  const written = (level: LoggerOptions['level']) => {
    const { log, parsed } = start({ level });
    for (const one of ['error', 'warn', 'info', 'debug'] as const) {
      log[one]('x');
    }
    return parsed().map((line) => line.level);
  };
  assert.deepEqual(written('error'), ['error']);
  assert.deepEqual(written('warn'), ['error', 'warn']);
  assert.deepEqual(written('info'), ['error', 'warn', 'info']);
  assert.deepEqual(written('debug'), ['error', 'warn', 'info', 'debug']);
  assert.deepEqual(written('trace'), ['error', 'warn', 'info', 'debug']);
});

test('secrets are masked at every depth, by the name of their field', () => {
  const secret = 'hunter2';
  for (const readable of [true, false]) {
    const { log, lines } = start({ readable });
    log.info('x', {
      Authorization: secret,
      access_token: secret,
      request: { headers: [{ authorization: secret }], db: { adminPassword: secret, user: 'eve' } },
      credentials: { key: secret },
      private_key: secret,
      privateKey: secret,
    });
    assert.doesNotMatch(lines.join(), /hunter2/);
    assert.match(lines.join(), /eve/);
  }
});

test('an error shows its text and code; its cause at debug level only', () => {
  const error = notFound('image not found', { hint: 'pull it', cause: new TypeError('registry said no') });
  const info = start();
  info.log.error('x', { error });
  assert.equal(info.parsed()[0].error, 'image not found; pull it');
  assert.equal(info.parsed()[0].error_code, 'NOT_FOUND');
  assert.doesNotMatch(info.lines.join(), /registry/);
  const debug = start({ level: 'debug' });
  debug.log.error('x', { error });
  assert.equal(debug.parsed()[0].error_cause, 'TypeError: registry said no');
  const system = start();
  system.log.error('x', { error: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
  assert.equal(system.parsed()[0].error_code, 'ECONNREFUSED');
});

test("a sandbox's lines go to its log from debug up, whatever is written, and without causes", () => {
  const seen: SandboxLine[] = [];
  for (const level of ['error', 'debug'] as const) {
    const { log } = start({ level, onSandboxLine: (line) => seen.push(line) });
    log.info('of no sandbox');
    log.child({ sandbox_id: 'a' }).debug('start', {
      attempt: 2,
      token: 't',
      error: notFound('gone', { cause: new Error('internal address') }),
    });
  }
  const line = {
    sandboxId: 'a',
    timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    level: 'debug',
    message: 'start',
    fields: { attempt: '2', token: '***', error: 'gone', error_code: 'NOT_FOUND' },
  };
  assert.deepEqual(seen, [line, line]);
});

test('no value makes logging fail, and every line is one line', () => {
  const circle: Record<string, unknown> = { list: [1n, Symbol('s'), () => 1, new Uint8Array(9)] };
  circle.self = circle;
  for (const readable of [true, false]) {
    const { log, lines } = start({ readable });
    log.info('circle', { circle, when: new Date(Number.NaN) });
    fc.assert(
      fc.property(
        fc.string(),
        fc.dictionary(fc.string(), fc.anything({ withBigInt: true, withDate: true })),
        (message, fields) => log.info(message, fields),
      ),
    );
    assert.ok(lines.every((line) => line.indexOf('\n') === line.length - 1));
    if (!readable) {
      for (const line of lines) {
        JSON.parse(line);
      }
    }
  }
});
