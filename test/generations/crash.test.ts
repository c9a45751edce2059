import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import type { RpcClient } from '../../dist/rpc/client/contract.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import { tempFolder } from '../support/folder.js';
import { here } from './served.js';

const REQUEST = { name: 'one', requestId: 'r-1', ...here };

/** Runs `use` against a gateway process on `folder`; it may end by itself meanwhile. */
async function withGateway<T>(
  folder: string,
  moment: 'before' | 'after' | 'never',
  method: string,
  use: (client: RpcClient) => Promise<T>,
): Promise<T> {
  const args = [join(import.meta.dirname, 'crashing-gateway.js'), folder, moment, method];
  const gateway = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(gateway, 'exit');
  const [address] = await Promise.race([
    once(gateway.stdout, 'data'),
    ended.then(() => assert.fail('the gateway did not start')),
  ]);
  const client = createRpcClient(String(address).trim());
  try {
    return await use(client);
  } finally {
    client.close();
    gateway.kill('SIGKILL');
    await ended;
  }
}

const isCut = { code: status.UNAVAILABLE };

for (const moment of ['before', 'after'] as const) {
  test(`killed ${moment} a create is on the disk, and asked again: one sandbox`, async () => {
    const folder = tempFolder();
    try {
      await withGateway(folder.path, moment, 'insertSandbox', (client) =>
        assert.rejects(client.unary(v01.createSandbox, REQUEST), isCut),
      );
      await withGateway(folder.path, 'never', '', async (client) => {
        const first = await client.unary(v01.createSandbox, REQUEST);
        assert.deepEqual(await client.unary(v01.createSandbox, REQUEST), first);
        const { sandboxes } = await client.unary(v01.listSandboxes, here);
        assert.deepEqual(
          sandboxes.map(({ metadata }) => metadata?.id),
          [first.sandbox?.metadata?.id],
        );
      });
    } finally {
      folder.remove();
    }
  });
}

test('killed after a delete is on the disk, and asked again: the answer that was never sent', async () => {
  const folder = tempFolder();
  const remove = { name: 'one', requestId: 'd-1', ...here };
  try {
    const made = await withGateway(folder.path, 'never', '', (client) =>
      client.unary(v01.createSandbox, REQUEST),
    );
    // The first thing that happens to the row after the start is the delete: its engine shows nothing of it.
    await withGateway(folder.path, 'after', 'removeSandbox', async (client) => {
      await client
        .unary(v01.deleteSandbox, remove)
        .catch((error) => assert.equal(error.code, status.UNAVAILABLE));
    });
    await withGateway(folder.path, 'never', '', async (client) => {
      const again = await client.unary(v01.deleteSandbox, remove);
      assert.equal(again.sandboxId, made.sandbox?.metadata?.id);
      await assert.rejects(client.unary(v01.deleteSandbox, { ...remove, requestId: '' }), {
        code: status.NOT_FOUND,
      });
    });
  } finally {
    folder.remove();
  }
});
