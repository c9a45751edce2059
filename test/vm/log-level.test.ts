import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { LogLevel } from '../../dist/compute/log.js';
import { FROM_GATEWAY, type LaunchOptions } from '../../dist/drivers/vm/launch-options.js';
import { tempFolder } from '../support/folder.js';
import { eventually } from '../support/wait.js';
import { VM_HOME, vmSettings, withoutMachines } from './driver.js';

const MAIN = resolve(import.meta.dirname, '../../dist/drivers/vm/process/main.js');

/** What a driver process writes to stderr from its start to its end. */
async function logged(stateDir: string, logLevel: LogLevel): Promise<string> {
  const options: LaunchOptions = {
    gatewayId: randomUUID(),
    version: '0.0.0-test',
    stateDir,
    settings: { ...vmSettings, accel: 'tcg' },
    logLevel,
    socketPath: join(stateDir, 'run', `${logLevel}.sock`),
    token: 'token',
  };
  const child = spawn(process.execPath, [MAIN, FROM_GATEWAY], { stdio: ['pipe', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  const closed = once(child, 'close');
  child.stdin.write(`${JSON.stringify(options)}\n`);
  await eventually('it serves', () =>
    stat(options.socketPath).then(
      () => true,
      () => false,
    ),
  );
  child.stdin.end();
  await closed;
  return text;
}

test("a driver process keeps to the gateway's log level", {
  skip: withoutMachines,
}, async () => {
  const { path: stateDir, remove } = tempFolder(VM_HOME);
  try {
    assert.match(await logged(stateDir, 'warn'), /"level":"warn","message":"guests are emulated/);
    assert.equal(await logged(stateDir, 'error'), '');
  } finally {
    remove();
  }
});
