import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createHostAccess } from '../../dist/drivers/container/host-access.js';
import { tempFolder } from '../support/folder.js';
import { warningsInto } from '../support/logger.js';

const JUMP = '-i lo -m comment --comment openshell-host-access -j OPENSHELL-HOST';

/** Rules kept by an `iptables` that keeps what it was given in a file, and prints this list. */
async function withIptables(
  t: TestContext,
  standing: string,
  options: { fails?: boolean; allowed?: boolean } = {},
) {
  const { path: folder, remove } = tempFolder();
  t.after(remove);
  await writeFile(join(folder, 'standing'), standing);
  const fail = options.fails ? 'echo "you must be root" >&2; exit 4' : '';
  for (const name of ['iptables', 'ip6tables']) {
    for (const [program, body] of [
      [name, `cat ${folder}/standing`],
      [`${name}-restore`, `cat > ${folder}/given-${name}`],
    ] as const) {
      await writeFile(join(folder, program), `#!/bin/sh\n${fail}\n${body}\n`);
      await chmod(join(folder, program), 0o755);
    }
  }
  const lines: string[] = [];
  const access = createHostAccess({
    allowed: options.allowed ?? false,
    env: { PATH: `${folder}:/usr/bin:/bin` },
    log: warningsInto(lines),
    trustedMs: 0,
  });
  const given = () => readFile(join(folder, 'given-iptables'), 'utf8').catch(() => '');
  return { access, given, lines };
}

function restored(text: string) {
  return text.split('\n').filter((line) => !/^(\*|COMMIT|$)/.test(line));
}

test('chain and jump are put in at once, and left alone where they stand', async (t) => {
  const { access, given } = await withIptables(t, '-P PREROUTING ACCEPT\n');
  await access.keep('lo');
  const rules = restored(await given());
  assert.equal(rules[0], ':OPENSHELL-HOST - [0:0]');
  assert.equal(rules.at(-1), `-I PREROUTING ${JUMP}`);
  assert.ok(rules.includes('-A OPENSHELL-HOST -m addrtype --dst-type LOCAL -j DROP'));
  assert.ok(rules.includes('-A OPENSHELL-HOST -d 169.254.0.0/16 -j DROP'));
  const chain = rules.filter((rule) => rule.startsWith('-A OPENSHELL-HOST'));
  const again = await withIptables(t, [`-A PREROUTING ${JUMP}`, ...chain, ''].join('\n'));
  await again.access.keep('lo');
  assert.equal(await again.given(), '');
});

test('a chain that somebody changed is made anew; the jump of a bridge that is gone is removed', async (t) => {
  const gone = JUMP.replace('lo', 'br-gone');
  const standing = `-A PREROUTING ${JUMP}\n-A PREROUTING ${gone}\n-A OPENSHELL-HOST -j RETURN\n`;
  const { access, given } = await withIptables(t, standing);
  await access.keep('lo');
  const rules = restored(await given());
  assert.equal(rules[0], ':OPENSHELL-HOST - [0:0]');
  assert.ok(rules.includes(`-D PREROUTING ${gone}`));
  assert.ok(!rules.includes(`-I PREROUTING ${JUMP}`));
});

test('where the operator allows it the jump is taken out', async (t) => {
  const { access, given } = await withIptables(t, `-A PREROUTING ${JUMP}\n`, { allowed: true });
  await access.keep('lo');
  assert.deepEqual(restored(await given()), [`-D PREROUTING ${JUMP}`]);
});

test('what stands in the way is told once, with the commands', async (t) => {
  const { access, lines } = await withIptables(t, '', { fails: true });
  await access.keep(undefined);
  await access.keep('lo');
  access.confirm('br-not-here');
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? '', /can reach this host's own addresses.*iptables -t mangle -N OPENSHELL-HOST/);
});

test('a bridge in another network than the gateway is told', async (t) => {
  const { access, lines } = await withIptables(t, '');
  access.confirm('lo');
  assert.deepEqual(lines, []);
  access.confirm('br-not-here');
  assert.equal(lines.length, 1);
});
