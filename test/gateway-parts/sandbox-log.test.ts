import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createSandboxLog,
  levelAllows,
  type SandboxLogLine,
} from '../../dist/gateway/observe/sandbox-log.js';

function line(sandboxId: string, message: string): SandboxLogLine {
  return {
    sandboxId,
    message,
    timeMs: 0,
    level: 'INFO',
    target: 'gateway',
    source: 'gateway',
    fields: {},
  };
}

function messages(lines: SandboxLogLine[]) {
  return lines.map(({ message }) => message);
}

test('the latest 2,000 lines of each sandbox are kept, oldest first', () => {
  const log = createSandboxLog();
  log.append(line('other', 'x'));
  for (let i = 0; i < 9_999; i++) {
    log.append(line('a', `${i}`));
    if (i === 4) {
      assert.deepEqual(messages(log.tail('a', 3)), ['2', '3', '4']);
    }
  }
  const kept = messages(log.tail('a', 1_000_000));
  assert.equal(kept.length, 2000);
  assert.equal(kept[0], '7999');
  assert.equal(kept.at(-1), '9998');
  assert.deepEqual(messages(log.tail('a', 1)), ['9998']);
  for (const none of [0, -1]) {
    assert.deepEqual(log.tail('a', none), []);
  }
  assert.deepEqual(messages(log.tail('other', 10)), ['x']);
  assert.deepEqual(log.tail('nobody', 10), []);
});

test('a subscriber sees the lines of its sandbox until it ends, also across drop', () => {
  const log = createSandboxLog();
  const [first, second]: [string[], string[]] = [[], []];
  const endFirst = log.subscribe('a', ({ message }) => first.push(message));
  log.subscribe('a', ({ message }) => second.push(message));
  log.append(line('a', '1'));
  log.append(line('b', 'not mine'));
  log.drop('a');
  assert.deepEqual(log.tail('a', 10), []);
  log.append(line('a', '2'));
  endFirst();
  endFirst();
  log.append(line('a', '3'));
  assert.deepEqual(first, ['1', '2']);
  assert.deepEqual(second, ['1', '2', '3']);
});

test('a subscriber that ends another one while a line is handed out disturbs nothing', () => {
  const log = createSandboxLog();
  const seen: string[] = [];
  const end = log.subscribe('a', () => {
    end();
    seen.push('first');
  });
  log.subscribe('a', () => seen.push('second'));
  log.append(line('a', '1'));
  log.append(line('a', '2'));
  assert.deepEqual(seen, ['first', 'second', 'second']);
});

test('logs of sandboxes that nobody drops do not pile up', () => {
  const log = createSandboxLog();
  for (let i = 0; i < 10_001; i++) {
    log.append(line(`${i}`, 'late'));
  }
  assert.equal(log.tail('0', 10).length, 0);
  assert.equal(log.tail('1', 10).length, 1);
  assert.equal(log.tail('10000', 10).length, 1);
});

test("levels pass as in OpenShell's table", () => {
  const levels = ['ERROR', 'WARN', 'INFO', 'OCSF', 'DEBUG', 'TRACE', 'NOTICE'];
  const passing = (minimum: string) => levels.filter((level) => levelAllows(minimum, level));
  assert.deepEqual(passing(''), levels);
  assert.deepEqual(passing('ERROR'), ['ERROR']);
  assert.deepEqual(passing('warn'), ['ERROR', 'WARN']);
  assert.deepEqual(passing('INFO'), ['ERROR', 'WARN', 'INFO', 'OCSF']);
  assert.deepEqual(passing('OCSF'), passing('INFO'));
  assert.deepEqual(passing('DEBUG'), ['ERROR', 'WARN', 'INFO', 'OCSF', 'DEBUG']);
  assert.deepEqual(passing('TRACE'), levels.slice(0, -1));
  assert.deepEqual(passing('whatever'), levels);
});
