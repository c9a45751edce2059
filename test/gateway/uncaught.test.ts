import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../support/folder.js';

const MAIN = resolve(import.meta.dirname, '../../dist/main.js');

for (const [what, fault] of [
  ['an error that nothing handles', 'throw new Error("lost\\nplan 9 \u{1F600}")'],
  ['a rejection that nothing handles', 'void Promise.reject(new Error("lost\\nplan 9 \u{1F600}"))'],
] as const) {
  test(`${what} is one line of the log and exit code 10`, async () => {
    const folder = tempFolder();
    const config = join(folder.path, 'gateway.toml');
    await writeFile(config, '[openshell.gateway]\ncompute_drivers = ["docker"]\n');
    // Thrown while the gateway probes an engine, which asks for it and never answers.
    const preload = `data:text/javascript,${encodeURIComponent(`process.on('SIGUSR2', () => { ${fault} })`)}`;
    const engine = createServer(() => child.kill('SIGUSR2'));
    const socket = join(folder.path, 'engine.sock');
    await new Promise<void>((listening) => engine.listen(socket, listening));
    const child = spawn(process.execPath, ['--import', preload, MAIN, '--config', config, '--port', '0'], {
      env: { PATH: process.env.PATH, HOME: folder.path, DOCKER_HOST: `unix://${socket}` },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    try {
      const [code] = await once(child, 'close');
      assert.equal(code, 10, text);
      const line = text.split('\n').find((written) => written.includes('"Uncaught"')) ?? '';
      const { level, error, stack, exit_code } = JSON.parse(line);
      assert.deepEqual(
        { level, error, exit_code },
        { level: 'error', error: 'lost\nplan 9 😀', exit_code: 10 },
      );
      assert.match(stack, /^at /);
      assert.doesNotMatch(text, /triggerUncaughtException|Node\.js v/);
    } finally {
      child.kill('SIGKILL');
      engine.close();
      folder.remove();
    }
  });
}
