import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { tempFolder } from '../support/folder.js';
import { cleanEnvironment, MAIN } from './support/run.js';

const { path: folder, remove } = tempFolder();
after(remove);

/** An `openshell` that only knows `... list --names`, with a name that must not run as code. */
const FAKE = `#!/bin/sh
[ "$2 $3" = "list --names" ] || exit 1
printf '%s\\n' "$1-one" "$1-two" '$(touch pwned)' '\`touch pwned\`'
`;
const fake = join(folder, 'openshell');
writeFileSync(fake, FAKE);
chmodSync(fake, 0o755);

function scriptFor(shell: string): string {
  return execFileSync(process.execPath, [MAIN, 'completions', shell], {
    env: cleanEnvironment(),
    encoding: 'utf8',
  });
}

function has(shell: string): boolean {
  return spawnSync(shell, ['-c', 'true']).status === 0;
}

function ask(shell: string, driver: string, line: string): string[] {
  const words = [...line.split(' ')];
  const output = execFileSync(shell, ['-c', driver, shell, ...words], {
    cwd: folder,
    env: { ...cleanEnvironment({ HOME: folder, TERM: 'dumb' }), PATH: `${folder}:${process.env.PATH}` },
    encoding: 'utf8',
  });
  return output.split('\n').filter((word) => word !== '');
}

/** What each shell must offer where the cursor stands at the end of the line. */
const CASES: readonly (readonly [line: string, offers: readonly string[]])[] = [
  ['openshell st', ['status']],
  ['openshell sandbox st', ['stop', 'start']],
  ['openshell sb st', ['stop', 'start']],
  ['openshell -g sandbox sandbox exe', ['exec']],
  ['openshell sandbox create --driver-', ['--driver-config-json']],
  ['openshell sandbox list -o ', ['table', 'json', 'yaml']],
  ['openshell logs --source g', ['gateway']],
  ['openshell completions ', ['bash', 'zsh', 'fish']],
  ['openshell sandbox get sandbox-o', ['sandbox-one']],
  ['openshell sandbox delete sandbox-one sandbox-t', ['sandbox-two']],
  ['openshell sandbox exec -n sandbox-', ['sandbox-one', 'sandbox-two']],
  ['openshell --workspace workspace-o', ['workspace-one']],
];

test('bash offers commands, options, fixed values and names', () => {
  const driver = `${scriptFor('bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _openshell; printf '%s\\n' "\${COMPREPLY[@]}"`;
  for (const [line, offers] of CASES) {
    assert.deepEqual(ask('bash', driver, line), offers, line);
  }
});

test('bash never runs a name that a gateway made up', () => {
  const driver = `${scriptFor('bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _openshell; printf '%s\\n' "\${COMPREPLY[@]}"; ls`;
  assert.deepEqual(ask('bash', driver, 'openshell sandbox get '), [
    'sandbox-one',
    'sandbox-two',
    'openshell',
  ]);
});

test('fish offers the same', { skip: !has('fish') && 'no fish here' }, () => {
  const driver = `${scriptFor('fish')}
complete -C"$argv[2..-1]" | string replace -r '\\t.*' ''; true`;
  for (const [line, offers] of CASES) {
    const answer = ask('fish', driver, line).filter((word) => !word.includes('pwned'));
    assert.deepEqual([...answer].sort(), [...offers].sort(), line);
  }
});

test('zsh offers the same', { skip: !has('zsh') && 'no zsh here' }, () => {
  const driver = `compdef() { :; }; compadd() { [[ $1 == -- ]] && shift; for w in "$@"; do [[ $w == "$words[CURRENT]"* ]] && print -r -- $w; done; }
${scriptFor('zsh')}
words=("$@"); CURRENT=$#; _openshell; true`;
  for (const [line, offers] of CASES) {
    const answer = ask('zsh', driver, line).filter((word) => !word.includes('pwned'));
    assert.deepEqual(answer, offers, line);
  }
});
