import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type LogFields, silentLogger } from '../../dist/compute/log.js';
import { createIsolationRule } from '../../dist/drivers/podman/isolation.js';
import { tempFolder } from '../support/folder.js';

const RULE = '-m comment --comment openshell-isolation -j NETAVARK_ISOLATION_1';

/** A rule kept by an `iptables` that writes its arguments down and then does what the script says. */
async function withIptables(t: TestContext, script: string, trustedMs?: number) {
  const { path: folder, remove } = tempFolder();
  t.after(remove);
  await writeFile(join(folder, 'iptables'), `#!/bin/sh\necho "$@" >> ${folder}/calls\n${script}\n`);
  await chmod(join(folder, 'iptables'), 0o755);
  const lines: { message: string; fields: LogFields | undefined }[] = [];
  const log = {
    ...silentLogger,
    warn: (message: string, fields?: LogFields) => void lines.push({ message, fields }),
  };
  const env = { PATH: `${folder}:/usr/bin:/bin` };
  const rule = createIsolationRule({ env, log, ...(trustedMs !== undefined && { trustedMs }) });
  const calls = async () => (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
  return { rule, calls, lines };
}

test('the rule is put at the head where it is missing', async (t) => {
  const { rule, calls } = await withIptables(t, 'echo "-A NETAVARK_FORWARD -s 10.89.0.0/24 -j ACCEPT"');
  await rule.keep();
  assert.deepEqual(await calls(), ['-w 5 -S NETAVARK_FORWARD', `-w 5 -I NETAVARK_FORWARD ${RULE}`]);
});

test('a rule that stands is left alone', async (t) => {
  const { rule, calls } = await withIptables(t, `echo "-A NETAVARK_FORWARD ${RULE}"`);
  await rule.keep();
  assert.deepEqual(await calls(), ['-w 5 -S NETAVARK_FORWARD']);
});

test('many starts look once, and again when the look is old', async (t) => {
  const standing = `echo "-A NETAVARK_FORWARD ${RULE}"`;
  const young = await withIptables(t, standing);
  await Promise.all(Array.from({ length: 20 }, () => young.rule.keep()));
  await young.rule.keep();
  assert.equal((await young.calls()).length, 1);
  const old = await withIptables(t, standing, 0);
  await old.rule.keep();
  await old.rule.keep();
  assert.equal((await old.calls()).length, 2);
});

for (const said of [
  "iptables v1.8.9 (nf_tables): Chain 'NETAVARK_FORWARD' does not exist",
  'iptables: No chain/target/match by that name.',
]) {
  test(`a netavark without iptables is nothing to tell of: ${said}`, async (t) => {
    const { rule, calls, lines } = await withIptables(t, `echo "${said}" >&2; exit 1`);
    await rule.keep();
    assert.deepEqual(lines, []);
    assert.equal((await calls()).length, 1);
  });
}

test('what stands in the way is told once, with the command', async (t) => {
  const { rule, lines } = await withIptables(t, 'echo "Permission denied (you must be root)" >&2; exit 4', 0);
  await rule.keep();
  await rule.keep();
  assert.equal(lines.length, 1);
  assert.ok(lines[0]?.message.includes(`iptables -I NETAVARK_FORWARD ${RULE}`));
  assert.equal(lines[0]?.fields?.said, 'Permission denied (you must be root)');
});
