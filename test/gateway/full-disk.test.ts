import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { CallFailure } from '../../dist/rpc/call-failure.js';
import type { RpcClient } from '../../dist/rpc/client/contract.js';
import { methods as api, SandboxPhase } from '../../dist/wire/v00/index.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { startTestGateway } from '../support/gateway.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { eventually } from '../support/wait.js';

async function createUntilRefused(client: RpcClient): Promise<CallFailure> {
  for (let i = 0; i < 500; i++) {
    try {
      await client.unary(api.createSandbox, { name: `late-${i}` });
    } catch (error) {
      return error as CallFailure;
    }
  }
  throw new Error('the disk is not full');
}

test('on a full disk creates are refused, and stops and deletes come to their end', async (t) => {
  const disk = mountSmallDisk(t, 16);
  if (disk === undefined) {
    return;
  }
  const engine = createFakeEngine();
  const { client, close } = await startTestGateway(disk.folder, [engine.entry()]);
  t.after(close);
  const phaseOf = async (name: string) =>
    (await client.unary(api.getSandbox, { name })).sandbox?.status?.phase;
  const names = ['one', 'two', 'three', 'four'];
  for (const name of names) {
    await client.unary(api.createSandbox, { name });
  }
  for (const name of names) {
    await eventually(`${name} ready`, async () => (await phaseOf(name)) === SandboxPhase.READY);
  }
  const ballast = disk.fill();

  const refusal = await createUntilRefused(client);
  assert.equal(refusal.code, status.RESOURCE_EXHAUSTED);
  assert.match(refusal.details, /no space left to write the database/);

  const stopped = await client.unary(api.stopSandbox, { name: 'one' });
  assert.equal(stopped.sandbox?.status?.phase, SandboxPhase.STOPPED);
  for (const name of names) {
    await client.unary(api.deleteSandbox, { name });
  }
  for (const name of names) {
    await eventually(`${name} gone`, () =>
      phaseOf(name).then(
        () => false,
        (error) => error.code === status.NOT_FOUND,
      ),
    );
  }
  const left = [...engine.resources.values()].map(({ sandbox }) => sandbox.name);
  assert.deepEqual(
    left.filter((name) => names.includes(name)),
    [],
  );

  rmSync(ballast);
  await client.unary(api.createSandbox, { name: 'after' });
});
