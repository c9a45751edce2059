import assert from 'node:assert/strict';
import { run } from '../support/run.js';
import { onBothKinds } from './kinds.js';

await onBothKinds('podman workspace', ({ bed, check, kind }) => {
  const { shell, nonRoot = '' } = bed.images;

  check('a path that the image has not belongs to the user', async ({ driver, running }) => {
    const sandbox = await running({}, nonRoot);
    const { stdout } = await run(driver, sandbox, ['sh', '-c', 'pwd; stat -c "%u %a" . && touch here']);
    assert.equal(stdout, '/sandbox\n1000 755\n');
  });

  check(
    'a path of the image that is root’s belongs to the user, with its mode',
    { settings: { workspace_path: '/var' } },
    async ({ driver, running }) => {
      const sandbox = await running({}, nonRoot);
      const { stdout } = await run(driver, sandbox, [
        'sh',
        '-c',
        'pwd; stat -c "%u %a" . && touch here && ls',
      ]);
      assert.equal(stdout, '/var\n1000 755\nhere\n');
    },
  );

  check(
    'a volume of its own survives stop and start, and goes with the sandbox',
    async ({ driver, running, signal, gatewayId }) => {
      const sandbox = await running({ template: { driverConfig: { workspace_volume: true } } }, nonRoot);
      await run(driver, sandbox, ['sh', '-c', 'echo kept > file']);
      const volumes = async () =>
        (await bed.objects(gatewayId)).filter(({ name }) => name.endsWith('-workspace')).length;
      assert.equal(await volumes(), 1);
      await driver.stop(sandbox, { signal });
      await driver.start(sandbox, { signal });
      assert.equal((await run(driver, sandbox, ['cat', 'file'])).stdout, 'kept\n');
      assert.match((await run(driver, sandbox, ['cat', '/proc/mounts'])).stdout, / \/sandbox /);
      await driver.delete(sandbox, { signal });
      assert.equal(await volumes(), 0);
    },
  );

  check(
    'the operator can give every sandbox a volume, and a sandbox can do without',
    { settings: { workspace_volume: true } },
    async ({ running, gatewayId }) => {
      await running();
      await running({ template: { driverConfig: { workspace_volume: false } } });
      const names = (await bed.objects(gatewayId)).map(({ name }) => name);
      assert.equal(names.filter((name) => name.endsWith('-workspace')).length, 1);
    },
  );

  const mapped: Readonly<Record<string, unknown>> =
    kind === 'rootful' ? { userns: 'private', uidmap: ['0:200000:20000'] } : { userns: 'keep-id' };
  check(
    'a user namespace of the operator’s choice, where the workspace still belongs to the user',
    { settings: mapped },
    async ({ driver, running }) => {
      const sandbox = await running({}, nonRoot);
      const { stdout } = await run(driver, sandbox, ['sh', '-c', 'cat /proc/self/uid_map; stat -c %u .']);
      const lines = stdout.trim().split('\n');
      assert.equal(lines.pop(), '1000');
      if (kind === 'rootful') {
        assert.match(lines.join(), /^\s*0\s+200000\s+20000$/);
      } else {
        assert.equal(lines.length, 3, 'the user’s own id stands between the others');
      }
    },
  );

  check('a command of its own runs in the workspace', async ({ driver, running, signal }) => {
    const sandbox = await running({ command: ['sh', '-c', 'pwd; sleep 60'] }, shell);
    for await (const line of driver.access?.logs(sandbox, {
      follow: true,
      tail: undefined,
      sinceMs: 0,
      signal,
    }) ?? []) {
      assert.equal(line.message, '/sandbox');
      break;
    }
  });
});
