import assert from 'node:assert/strict';
import { run } from '../support/run.js';
import { eventually } from '../support/wait.js';
import { onBothKinds } from './kinds.js';

const ADDRESS = "ip -4 addr show scope global | sed -n 's/.*inet \\([0-9.]*\\).*/\\1/p' | head -1";

await onBothKinds('podman network', ({ bed, check, kind }) => {
  check('no sandbox reaches another, also when a third one goes', async ({ driver, running, signal }) => {
    const server = await running({ command: ['sh', '-c', 'nc -ll -p 8080 -e echo reached'] });
    const client = await running();
    const address = (await run(driver, server, ['sh', '-c', ADDRESS])).stdout.trim();
    assert.match(address, /^[0-9.]+$/);
    await eventually('the server listens', async () => {
      const { stdout } = await run(driver, server, ['sh', '-c', `nc -w 1 ${address} 8080 </dev/null`]);
      return stdout === 'reached\n';
    });
    const reach = async () =>
      (await run(driver, client, ['sh', '-c', `nc -w 2 ${address} 8080 </dev/null`])).stdout;
    assert.equal(await reach(), '');
    // netavark takes its jump to all isolation rules away with it.
    await driver.delete(await running(), { signal });
    assert.equal(await reach(), '');
  });

  check('none means none', { settings: { network_name: 'none' } }, async ({ driver, running, gatewayId }) => {
    const sandbox = await running();
    const { stdout } = await run(driver, sandbox, ['sh', '-c', 'ls /sys/class/net']);
    assert.equal(stdout.trim(), 'lo');
    assert.equal((await bed.objects(gatewayId)).length, 1);
  });

  check('a network of its own goes with the sandbox', async ({ driver, running, signal, gatewayId }) => {
    const sandbox = await running();
    assert.equal((await bed.objects(gatewayId)).length, kind === 'rootful' ? 2 : 1);
    await driver.delete(sandbox, { signal });
    assert.deepEqual(await bed.objects(gatewayId), []);
  });
});
