import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from './support/run.js';

async function textOf(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args);
  assert.deepEqual([code, stderr], [0, ''], args.join(' '));
  return stdout;
}

test('the help of openshell, of a group and of a command says how each is called', async () => {
  const [all, group, command] = await Promise.all([
    textOf('--help'),
    textOf('help', 'sandbox'),
    textOf('sandbox', 'exec', '--help'),
  ]);
  assert.match(all, /^Usage:\n {2}openshell COMMAND \[OPTIONS\]$/m);
  assert.match(all, /^ {2}sandbox, sb +\S/m, 'a group with its alias');
  assert.match(all, /--version, -V/);
  assert.match(all, /^ {2}-g, --gateway \w+ +\S.*\[OPENSHELL_GATEWAY\]$/m, 'an option with its variable');
  for (const name of ['create', 'list', 'exec', 'delete']) {
    assert.match(group, new RegExp(`^ {2}${name}\\b.* {2}\\S`, 'm'), name);
  }
  assert.match(command, /^Usage:\n {2}openshell sandbox exec \[OPTIONS\] .*-- COMMAND/m);
  assert.match(command, /may be repeated/);
  for (const text of [all, group, command]) {
    assert.match(text, /^Options of every command:\n {2}-/m);
    assert.ok(text.endsWith('\n') && !text.endsWith('\n\n') && !text.includes('undefined'));
  }
});

/** Whether the shells understand them is for completions.test.ts, where they are installed. */
test('the scripts for fish and zsh name every command of a group and its options', async () => {
  const [fish, zsh] = await Promise.all([textOf('completions', 'fish'), textOf('completions', 'zsh')]);
  for (const word of ['sandbox', 'create', 'exec', 'driver-config-json', 'completions']) {
    assert.ok(fish.includes(word), `fish: ${word}`);
    assert.ok(zsh.includes(word), `zsh: ${word}`);
  }
  for (const text of [fish, zsh]) {
    assert.ok(!text.includes('undefined') && !text.includes('[object'));
  }
  assert.match(fish, /^complete -c openshell -n '__openshell_at "sandbox"' -a create -d '.+'$/m);
  assert.match(zsh, /^#compdef openshell$/m);
});
