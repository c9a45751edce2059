import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columns } from '../../dist/kit/arguments/columns.js';
import { parseArguments } from '../../dist/kit/arguments/parse.js';

const OPTIONS = {
  all: { kind: 'flag', short: 'a' },
  name: { kind: 'text', short: 'n', placeholder: 'NAME' },
  label: { kind: 'list', alias: 'labels' },
  color: { kind: 'optional', implied: 'red', choices: ['red', 'blue'] },
  offset: { kind: 'text', dash: true },
} as const;

function parse(...words: string[]) {
  return parseArguments(words, OPTIONS);
}

function problems(...words: string[]): string[] {
  return parse(...words).problems.map(({ option, message = 'unknown', hint = '' }) =>
    `${option}: ${message} ${hint}`.trimEnd(),
  );
}

test('flags, values, repeated ones, aliases and letters that stand together', () => {
  const given = parse('x', '-an', 'box', '--label=a', '--labels', 'b', '--name=last', 'y');
  assert.deepEqual(given.problems, []);
  assert.equal(given.flag('all'), true);
  assert.equal(given.flag('color'), false);
  assert.equal(given.text('name'), 'last');
  assert.equal(given.text('color'), undefined);
  assert.deepEqual(given.list('name'), ['box', 'last']);
  assert.deepEqual(given.list('label'), ['a', 'b']);
  assert.deepEqual(given.positionals, ['x', 'y']);
});

test('an optional value is taken only behind =', () => {
  const given = parse('--color', 'blue');
  assert.deepEqual([given.text('color'), given.positionals], ['red', ['blue']]);
  assert.equal(parse('--color=blue').text('color'), 'blue');
  assert.equal(parseArguments(['--x'], { x: { kind: 'optional' } }).text('x'), '');
});

test('what follows -- is no option', () => {
  const given = parse('x', '--', '--all', '--', 'y');
  assert.deepEqual([given.positionals, given.trailing], [['x'], ['--all', '--', 'y']]);
  assert.equal(given.flag('all'), false);
});

test('a value with a dash needs =, unless its option takes one', () => {
  assert.deepEqual(problems('--name', '-x'), [
    '--name: needs a value write --name=-x when its value begins with a dash',
  ]);
  assert.equal(parse('--name=-x').text('name'), '-x');
  assert.equal(parse('--name', '-').text('name'), '-');
  assert.equal(parse('--offset', '-5').text('offset'), '-5');
  assert.deepEqual(problems('--offset', '--all').length, 1);
});

test('every problem is told, and the word behind an unknown option is no argument', () => {
  assert.deepEqual(problems('--nam', 'x', '-q', '--all=1', '--color=green', '--name'), [
    '--nam: unknown did you mean --name?',
    '-q: unknown',
    '--all: takes no value',
    "--color: is 'green' one of: red, blue",
    '--name: needs a value --name NAME',
  ]);
  assert.deepEqual(parse('--nam', 'x', 'y').positionals, ['y']);
  assert.deepEqual(parse('--nam=x', 'y').positionals, ['y']);
  assert.deepEqual(problems('--__proto__', '--constructor=1'), [
    '--__proto__: unknown',
    '--constructor: unknown',
  ]);
});

test('help in two columns', () => {
  const rows = [
    { left: '--all', text: 'Everything there is.' },
    { left: '--name NAME', text: 'Its name.', notes: ['NAME', undefined] },
  ];
  assert.deepEqual(columns(rows), ['  --all        Everything there is.', '  --name NAME  Its name. [NAME]']);
  assert.deepEqual(columns(rows, 6, 22), [
    '  --all   Everything',
    '          there is.',
    '  --name NAME',
    '          Its name.',
    '          [NAME]',
  ]);
});
