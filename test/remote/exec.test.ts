import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ComputeDriver, ExecSession } from '../../dist/compute/driver.js';
import { Code, unavailable } from '../../dist/compute/errors.js';
import { silentLogger } from '../../dist/compute/log.js';
import { connectDriver } from '../../dist/remote/client.js';
import { serveDriver } from '../../dist/remote/server.js';
import { tempFolder } from '../support/folder.js';
import { anExec } from '../support/run.js';

const REF = { id: 'a', name: 'a', workspace: 'default' };
const SPEC = anExec(['x']);

/** A driver whose commands are lost as soon as they have begun. */
function losing(parts: number): ComputeDriver {
  const session = (): ExecSession => {
    const exitCode = Promise.reject(unavailable('lost'));
    exitCode.catch(() => {});
    const output = (async function* () {
      for (let i = 0; i < parts; i++) {
        yield { stream: 'stdout' as const, data: Buffer.alloc(32_768) };
      }
    })();
    return { output, stdin: undefined, resize: async () => {}, exitCode };
  };
  const access = { exec: async () => session() };
  return { name: 'losing', access, capabilities: async () => ({}), close: async () => {} } as never;
}

for (const parts of [0, 1, 40]) {
  test(`a command that is lost after ${parts} parts of output ends with its error for the caller`, async () => {
    const { path: folder, remove } = tempFolder();
    const socketPath = join(folder, 'run', 'driver.sock');
    const served = await serveDriver({ driver: losing(parts), socketPath, log: silentLogger });
    const signal = AbortSignal.timeout(10_000);
    const driver = await connectDriver({ name: 'losing', socketPath, signal });
    try {
      const session = await driver.access?.exec(REF, SPEC, { signal });
      const read = async () => {
        for await (const _ of session?.output ?? []) {
        }
      };
      await assert.rejects(read(), { code: Code.UNAVAILABLE, message: /lost/ });
      await assert.rejects(session?.exitCode ?? Promise.resolve(), { code: Code.UNAVAILABLE });
    } finally {
      await driver.close();
      await served.close();
      remove();
    }
  });
}
