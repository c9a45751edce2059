import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComputeDriver, ExecSession } from '../../dist/compute/driver.js';
import { Code, unavailable } from '../../dist/compute/errors.js';
import { anExec } from '../support/run.js';
import { throughSocket } from './hosted.js';

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
    const signal = AbortSignal.timeout(10_000);
    await throughSocket(losing(parts), async (driver) => {
      const session = await driver.access?.exec(REF, SPEC, { signal });
      const read = async () => {
        for await (const _ of session?.output ?? []) {
        }
      };
      await assert.rejects(read(), { code: Code.UNAVAILABLE, message: /lost/ });
      await assert.rejects(session?.exitCode ?? Promise.resolve(), { code: Code.UNAVAILABLE });
    });
  });
}
