import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { flavorNames } from '../../dist-tools/flavor/choose/flavor-files.js';
import { tempFolder } from '../support/folder.js';
import { execute, ROOT } from './checkout.js';

const FOLDER = join(ROOT, '.github/workflows');
const workflow = readFileSync(join(FOLDER, 'ci.yml'), 'utf8');
const nightly = readFileSync(join(FOLDER, 'nightly.yml'), 'utf8');
const local = readFileSync(join(ROOT, '.ci/run'), 'utf8');

test('the matrix has every flavor of the repository and every Node that we promise', () => {
  const list = (key: string) => new RegExp(`^ +${key}: \\[(.*)\\]$`, 'm').exec(workflow)?.[1]?.split(', ');
  assert.deepEqual(list('flavor')?.sort(), flavorNames(ROOT));
  assert.deepEqual(list('node'), ['20', '22', '24']);
});

test('its jobs call nothing that .ci/run does not call', () => {
  const commands = [...workflow.matchAll(/- run: (.*)$/gm)].map(([, command = '']) => command);
  assert.ok(commands.length > 0);
  for (const command of commands) {
    const name = command
      .replace(/^sudo -E env "PATH=\$PATH" /, '')
      .replace(/ --flavor .*$/, '')
      .replace(/ -- *$/, '')
      .trim();
    assert.ok(local.includes(name), `.ci/run does not call: ${name}`);
  }
});

test('the tests run under coverage after the quickstart, and every night all of .ci/run', () => {
  assert.match(workflow, /OPENSHELL_COVERAGE: 1\n[\s\S]*quickstart\.sh --once\n[\s\S]* scripts\/test\.sh\n/);
  assert.match(local, /OPENSHELL_COVERAGE=1 stage [^\n]* scripts\/test\.sh\n/);
  assert.match(local, /\nexport CI=true\n/);
  assert.match(nightly, /\n {2}schedule:\n {4}- cron: /);
  assert.match(nightly, /- run: sudo -E env "PATH=\$PATH" \.ci\/run\n/);
});

test('no command is put together from an expression', () => {
  for (const name of readdirSync(FOLDER)) {
    for (const [, command = ''] of readFileSync(join(FOLDER, name), 'utf8').matchAll(/\brun: *(.*)$/gm)) {
      assert.match(command, /^(?![|>'"])(?!.*\$\{\{)./, `${name}: ${command}`);
    }
  }
});

test('every action is pinned to a commit, and its tag said; every job may only read', () => {
  for (const name of readdirSync(FOLDER)) {
    const text = readFileSync(join(FOLDER, name), 'utf8');
    const uses = text.split('\n').filter((line) => /^\s*(- )?["']?uses["']?\s*:/.test(line));
    assert.ok(uses.length > 0, name);
    for (const line of uses) {
      assert.match(
        line,
        /^\s*(- )?uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/,
        `${name}: ${line}`,
      );
    }
    assert.match(text, /^permissions:\n {2}contents: read\n(?! )/m, name);
    assert.equal(text.match(/permissions:/g)?.length, 1, `${name}: no job takes more`);
  }
});

test('an engine that the tests require is one that the workflow brings up', () => {
  const required = /OPENSHELL_REQUIRE_ENGINES: (.*)$/m.exec(workflow)?.[1]?.split(',') ?? [];
  assert.ok(required.length > 0);
  for (const engine of required) {
    assert.ok(workflow.includes(`test/engines/${engine.split('-')[0]}/up`), engine);
  }
});

/** A folder of programs that is all of PATH. */
function onlyWith(folder: string, names: readonly string[]): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of names) {
    const from = ['/usr/bin', '/bin'].find((each) => readdirSync(each).includes(name)) ?? '/usr/bin';
    symlinkSync(join(from, name), join(bin, name));
  }
  return bin;
}

test('a check whose tool is missing passes on a desk and fails under CI', async (t) => {
  const { path: folder, remove } = tempFolder();
  t.after(remove);
  const PATH = onlyWith(folder, ['bash', 'dirname', 'readlink', 'env']);
  const check = (CI?: string) => execute(join(ROOT, 'scripts/check-workflows.sh'), [], folder, { PATH, CI });
  const desk = await check();
  assert.deepEqual([desk.status, desk.stdout], [0, 'check-workflows: go is missing, skipped\n']);
  const ci = await check('true');
  assert.equal(ci.status, 1);
  assert.match(ci.stderr, /go is missing, which is an error with CI=true/);
});

test('a test that is skipped for want of a tool passes on a desk and fails under CI', async (t) => {
  const { path: folder, remove } = tempFolder();
  t.after(remove);
  const run = (reason: string, CI?: string) => {
    const text = `import { test } from 'node:test';\ntest('x', { skip: '${reason}' }, () => {});\n`;
    const file = join(folder, 'skipped.test.mjs');
    writeFileSync(file, text);
    const args = ['--test', '--test-reporter', join(ROOT, 'scripts/test-report.mjs'), file];
    return execute(process.execPath, args, folder, { PATH: process.env.PATH, CI });
  };
  assert.equal((await run('musl-gcc is not here')).status, 0);
  assert.equal((await run('this engine may have quotas', 'true')).status, 0);
  for (const reason of [
    'musl-gcc is not here',
    'no openssl here',
    'openshell==0.1.5 cannot be installed: x',
  ]) {
    const { status, stdout } = await run(reason, 'true');
    assert.equal(status, 1, reason);
    assert.ok(stdout.includes(`test: ${reason}, and CI=true must not pass untested: x\n`), stdout);
  }
});

test('what a run leaves in the checkout is found, and what a developer has there is not', async (t) => {
  const { path: folder, remove } = tempFolder();
  t.after(remove);
  const checkout = join(folder, 'checkout');
  mkdirSync(checkout);
  const env = { PATH: process.env.PATH, HOME: folder, OPENSHELL_CHECKOUT: checkout };
  const git = async (...args: string[]) => {
    const author = ['-c', 'user.name=t', '-c', 'user.email=t@example.invalid'];
    const { status, stderr } = await execute('git', [...author, ...args], checkout, env);
    assert.equal(status, 0, stderr);
  };
  const write = (path: string, text: string) => writeFileSync(join(checkout, path), text);
  const leftovers = (...args: string[]) => execute(join(ROOT, 'scripts/leftovers.sh'), args, folder, env);
  await git('init', '--quiet');
  for (const name of ['kept', 'edited']) {
    write(name, name);
  }
  write('.gitignore', 'dist/\n');
  await git('add', '.');
  await git('commit', '--quiet', '-m', 'all');
  write('edited', 'by a developer');
  write('new of a developer', 'x');
  const before = join(folder, 'before');
  writeFileSync(before, (await leftovers('list')).stdout);
  const check = async () => {
    const { status, stderr } = await leftovers('check', before);
    return { status, stderr };
  };
  mkdirSync(join(checkout, 'dist'));
  write('dist/out.js', 'ignored');
  assert.deepEqual(await check(), { status: 0, stderr: '' });

  for (const [path, text, again] of [
    ['undefined.service', '', undefined],
    ['edited', 'by a test', 'by a developer'],
    ['new of a developer', 'y', 'x'],
    ['kept', 'changed', 'kept'],
  ] as const) {
    write(path, text);
    const { status, stderr } = await check();
    assert.equal(status, 1, path);
    assert.ok(stderr.includes(path), stderr);
    if (again === undefined) {
      rmSync(join(checkout, path));
    } else {
      write(path, again);
    }
  }
  assert.equal((await check()).status, 0);
  rmSync(join(checkout, 'new of a developer'));
  assert.equal((await check()).status, 1);
  assert.match(local, /leftovers\.sh list >[^\n]*\n[\s\S]*leftovers\.sh check/);
});
