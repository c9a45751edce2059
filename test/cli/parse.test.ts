import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommand } from '../../dist/cli/arguments/parse.js';
import { exitCodeOf, failureLine } from '../../dist/cli/failure.js';
import { OpenShellError } from '../../dist/compute/errors.js';
import type { Arguments } from '../../dist/kit/arguments/parse.js';

function argumentsOf(...argv: string[]): Arguments & { path: string } {
  const invocation = parseCommand(argv);
  assert.equal(invocation.kind, 'run');
  return { ...invocation.args, path: invocation.path.join(' ') };
}

function complaintOf(...argv: string[]): string {
  try {
    parseCommand(argv);
  } catch (error) {
    assert.ok(error instanceof OpenShellError);
    assert.equal(exitCodeOf(error), 2);
    return failureLine(error);
  }
  return assert.fail(`${argv.join(' ')} was accepted`);
}

test('a command is found under its groups and their short names', () => {
  assert.equal(argumentsOf('sandbox', 'list').path, 'sandbox list');
  assert.equal(argumentsOf('sb', 'list').path, 'sandbox list');
  assert.equal(argumentsOf('status').path, 'status');
});

test('common options stand before and after the command', () => {
  const args = argumentsOf('-g', 'sandbox', '--workspace=w', 'sandbox', 'list', '-v', '--limit', '5');
  assert.equal(args.text('gateway'), 'sandbox');
  assert.equal(args.text('workspace'), 'w');
  assert.equal(args.text('limit'), '5');
  assert.equal(args.flag('verbose'), true);
  assert.equal(args.flag('names'), false);
});

test('what stands after -- belongs to the remote command', () => {
  const args = argumentsOf('sandbox', 'exec', '-n', 'box', '--', 'ls', '-la', '--', '--timeout');
  assert.deepEqual(args.trailing, ['ls', '-la', '--', '--timeout']);
  assert.equal(args.text('timeout'), undefined);
  assert.deepEqual(argumentsOf('sb', 'exec', '-n', 'box', 'uptime').trailing, ['uptime']);
  assert.deepEqual(argumentsOf('sb', 'create', '--', 'echo', '--gpu').trailing, ['echo', '--gpu']);
});

test('an option with an optional value takes it only behind =', () => {
  assert.equal(argumentsOf('sandbox', 'create', '--gpu').text('gpu'), '');
  assert.equal(argumentsOf('sandbox', 'create', '--gpu=2').text('gpu'), '2');
  assert.equal(argumentsOf('sandbox', 'create').text('gpu'), undefined);
});

test('a repeated option keeps every value, and an empty one', () => {
  const args = argumentsOf('sandbox', 'create', '--label', 'a=1', '--label=b=', '--name', 'x', '--name', 'y');
  assert.deepEqual(args.list('label'), ['a=1', 'b=']);
  assert.equal(args.text('name'), 'y');
});

test('help is given for openshell, for a group and for a command', () => {
  const cases: [string[], string][] = [
    [[], ''],
    [['--help'], ''],
    [['sandbox'], 'sandbox'],
    [['sb', '-h'], 'sandbox'],
    [['help', 'sandbox', 'exec'], 'sandbox exec'],
    [['sandbox', 'exec', '-n', 'x', '--help'], 'sandbox exec'],
  ];
  for (const [argv, path] of cases) {
    const invocation = parseCommand(argv);
    assert.equal(invocation.kind, 'help');
    assert.equal(invocation.path.join(' '), path);
  }
  assert.equal(parseCommand(['--version']).kind, 'version');
  assert.equal(parseCommand(['sandbox', 'exec', '-n', 'x', '--', 'node', '--help', '--version']).kind, 'run');
});

test('a wrong command line is named, with what was meant', () => {
  const cases: [string[], RegExp][] = [
    [['sandbx', 'list'], /no command 'sandbx' \(did you mean 'sandbox'\?\)/],
    [['sandbox', 'delet'], /no command 'sandbox delet' \(did you mean 'sandbox delete'\?\)/],
    [['sandbox', 'zzz'], /see openshell sandbox --help/],
    [
      ['sandbox', 'list', '--lmit', '3'],
      /openshell sandbox list has no option --lmit \(did you mean --limit\?\)/,
    ],
    [['sandbox', 'list', '-q'], /has no option -q/],
    [['sandbox', 'list', '--names=yes'], /--names takes no value/],
    [['sandbox', 'list', '--limit'], /--limit needs a value/],
    [['sandbox', 'create', '--name', '--from', 'x'], /write --name=--from/],
    [['sandbox', 'create', '--name', '--gpu'], /write --name=--gpu when/],
    [['sandbox', 'list', '-o', 'xml'], /-o is 'xml' \(one of: table, json, yaml\)/],
    [['sandbox', 'get'], /needs a NAME/],
    [['sandbox', 'get', ''], /NAME is empty/],
    [['sandbox', 'get', 'a', 'b'], /does not take 'b'/],
    [['status', 'now'], /does not take 'now'/],
    [['completions', 'tcsh'], /SHELL is 'tcsh' \(one of: bash, zsh, fish\)/],
    [['--nonsense'], /has no option --nonsense/],
    [['sandbox', 'list', '--__proto__', 'x'], /has no option --__proto__/],
  ];
  for (const [argv, expected] of cases) {
    assert.match(complaintOf(...argv), expected);
  }
});
