import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import type { Bed } from '../conformance/bed.js';
import { skipWithout } from '../support/engines.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { eventually } from '../support/wait.js';
import { cli, type GatewayProcess, startGatewayProcess } from '../system/process.js';

export interface RestartBed {
  readonly bed: Bed;
  readonly driver: string;
  readonly table: string;
  /** The folder below test/engines/ whose `down` and `up` end and start the engine. */
  readonly engine: string;
}

const ENGINES = resolve(import.meta.dirname, '../../test/engines');
const PATIENCE_MS = 120_000;

/**
 * Ends a real engine under a running gateway and starts it again. It disturbs every other user of the engine, so it
 * runs only where OPENSHELL_RESTART_ENGINES says that there is none.
 */
export async function restartSuite(options: RestartBed): Promise<void> {
  const { bed, driver } = options;
  const skip =
    process.env.OPENSHELL_RESTART_ENGINES === '1'
      ? skipWithout(bed.name, await bed.unavailable())
      : 'it ends an engine that others may use; OPENSHELL_RESTART_ENGINES=1 allows it';

  describe(`restart of ${bed.name}`, { skip }, () => {
    const gatewayId = randomUUID();
    let folder: TempFolder;
    let gateway: GatewayProcess;

    const engine = (script: 'up' | 'down') => promisify(execFile)(`${ENGINES}/${options.engine}/${script}`);
    const openshell = (...args: string[]) => cli(gateway, folder.path, args);
    const phaseOf = async (name: string) =>
      (await gateway.client.unary(api.getSandbox, { name })).sandbox?.status;
    const readyDrivers = async () =>
      (await gateway.client.unary(api.getGatewayInfo, {})).computeDrivers.length;

    before(async () => {
      folder = tempFolder();
      gateway = await startGatewayProcess({
        folder: folder.path,
        config: `
[openshell.gateway]
compute_drivers = ["${driver}"]
default_image = "${bed.images.shell}"
gateway_id = "${gatewayId}"
[openshell.drivers.${driver}]
${options.table}
`,
      });
    });
    after(async () => {
      await engine('up');
      await gateway?.stop();
      await bed.cleanup(gatewayId);
      folder.remove();
    });

    test('the driver is failed while the engine is away, then ready, and idle sandboxes run with their files', async () => {
      await gateway.client.unary(api.createSandbox, { name: 'idle' });
      await eventually(
        'READY',
        async () => (await phaseOf('idle'))?.phase === SandboxPhase.READY,
        PATIENCE_MS,
      );
      const wrote = await openshell('sandbox', 'exec', '-n', 'idle', '--', 'sh', '-c', 'echo kept > file');
      assert.equal(wrote.exitCode, 0, wrote.stderr);
      await engine('down');
      await eventually('the driver is failed', async () => (await readyDrivers()) === 0, PATIENCE_MS);
      const refused = await openshell('sandbox', 'exec', '-n', 'idle', '--', 'true');
      assert.notEqual(refused.exitCode, 0);
      await engine('up');
      await eventually('the driver is ready', async () => (await readyDrivers()) === 1, PATIENCE_MS);
      const kept = await eventually(
        'a command runs again',
        async () => {
          const ran = await openshell('sandbox', 'exec', '-n', 'idle', '--', 'cat', 'file');
          return ran.exitCode === 0 && ran.stdout;
        },
        PATIENCE_MS,
      );
      assert.equal(kept, 'kept\n');
      await gateway.client.unary(api.deleteSandbox, { name: 'idle' });
      await eventually('gone', async () => (await bed.objects(gatewayId)).length === 0, PATIENCE_MS);
    });
  });
}
