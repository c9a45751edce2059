import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { foreignReason, REASONS } from '../../dist/compute/reasons.js';

const sources = join(import.meta.dirname, '..', '..', 'src');

test('every reason of the table is one that some error has', () => {
  const text = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith(join('compute', 'reasons.ts')))
    .map((file) => readFileSync(join(sources, file), 'utf8'))
    .join('\n');
  assert.deepEqual(
    Object.keys(REASONS).filter((reason) => !text.includes(`'${reason}'`)),
    [],
  );
});

test('each is a word, and says in sentences what it means', () => {
  for (const [reason, meaning] of Object.entries(REASONS)) {
    assert.match(reason, /^[A-Z][A-Za-z]{3,40}$/);
    assert.match(meaning, /^[A-Z].*[.?]$/, reason);
    assert.ok(meaning.length <= 180, reason);
  }
});

test('the word of somebody else is taken when it is one, and nothing else', () => {
  for (const word of ['SIGPIPE', 'ImagePullBackOff', 'a', 'x'.repeat(64), 'with_underscore']) {
    assert.equal(foreignReason(word), word);
  }
  for (const text of [
    undefined,
    '',
    ' ',
    'two words',
    'x'.repeat(65),
    '1st',
    'new\nline',
    '\u0000',
    'é',
    'a-b',
  ]) {
    assert.equal(foreignReason(text), undefined);
  }
});
