import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenShellError } from '../../dist/compute/errors.js';
import { parseCommandLine } from '../../dist/config/command-line.js';
import { helpText } from '../../dist/config/help.js';
import { gatewayKey, KEY_NAMES } from '../../dist/config/keys.js';

function command(...argv: string[]): string {
  const line = parseCommandLine(argv);
  return line.json ? `${line.command} as JSON` : line.command;
}

function complaint(...argv: string[]): string {
  try {
    return command(...argv);
  } catch (error) {
    if (!(error instanceof OpenShellError)) {
      throw error;
    }
    assert.equal(error.reason, 'InvalidUsage');
    return error.text;
  }
}

test('commands', () => {
  assert.equal(command(), 'serve');
  assert.equal(command('serve', '--port', '1'), 'serve');
  assert.equal(command('config', 'check'), 'config check');
  assert.equal(command('config', '--port', '1', 'show', '--json'), 'config show as JSON');
  assert.equal(command('drivers', '--json'), 'drivers as JSON');
  assert.equal(command('strays'), 'strays');
  assert.equal(command('--version', '--json'), 'version as JSON');
  assert.equal(command('-V'), 'version');
  assert.equal(command('drivers', '--version', '-h'), 'help');
});

test('flags', () => {
  const { flags } = parseCommandLine(['--driver', 'a', '--drivers=b', '--disable-tls', '--tls-cert=--odd']);
  assert.deepEqual(
    [...flags],
    [
      ['computeDrivers', ['a', 'b']],
      ['tlsCert', ['--odd']],
      ['disableTls', ['true']],
    ],
  );
  assert.deepEqual([...parseCommandLine(['--disable-tls=false']).flags], [['disableTls', ['false']]]);
});

test('a backup names its file, and no other command takes a word', () => {
  const { command: name, operand } = parseCommandLine(['backup', '/tmp/b', '--db-url', 'sqlite:/x']);
  assert.deepEqual([name, operand], ['backup', '/tmp/b']);
  assert.equal(complaint('backup'), '"backup": needs a FILE');
  assert.match(complaint('backup', 'a', 'b'), /^"backup a b": unknown command/);
  assert.match(complaint('strays', 'a'), /^"strays a": unknown command/);
});

test('usage errors, all at once', () => {
  assert.equal(complaint('--prot', '3'), '--prot: unknown flag; did you mean --port?');
  assert.equal(complaint('-x'), '-x: unknown flag; --help lists them');
  assert.equal(complaint('--port'), '--port: needs a value');
  assert.equal(complaint('--port', '--health-port', 'serve'), '--port: needs a value');
  assert.equal(complaint('--json=1'), '--json: takes no value');
  assert.equal(complaint('serve', '--json'), '--json: "serve" has no JSON form');
  assert.equal(complaint('confg', 'show'), '"confg show": unknown command; did you mean "config show"?');
  assert.equal(
    complaint('start'),
    '"start": unknown command; commands: serve, config check, config show, drivers, strays, backup',
  );
  assert.equal(
    complaint('servr', '--nope'),
    '2 problems:\n  --nope: unknown flag; --help lists them\n  "servr": unknown command; did you mean "serve"?',
  );
});

test('the help names every command and every flag, and no line is too long for a terminal of 110 columns', () => {
  const text = helpText();
  for (const name of KEY_NAMES) {
    const { flag, env } = gatewayKey(name);
    if (flag !== undefined) {
      assert.ok(text.includes(`--${flag}`), flag);
    }
    if (flag !== undefined && env !== undefined) {
      assert.ok(text.includes(env), env);
    }
  }
  for (const line of text.split('\n')) {
    assert.ok(line.length <= 110, line);
  }
  for (const word of [
    'serve',
    'config check',
    'config show [--json]',
    'drivers [--json]',
    'strays',
    '--version [--json]',
  ]) {
    assert.ok(text.includes(`  ${word} `), word);
  }
});
