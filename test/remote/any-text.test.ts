import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Code, type OpenShellError } from '../../dist/compute/errors.js';
import { connectDriver } from '../../dist/remote/client.js';
import { accessMethods, driverMethods } from '../../dist/wire/compute/index.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { createRandom } from '../support/random.js';
import { aSandbox } from '../support/sandboxes.js';
import { soak, times } from '../support/soak.js';
import { eventually } from '../support/wait.js';
import { hostileCalls, make, makeAll } from '../wire/hostile-calls.js';

const CALLS = times(10_000, 100_000);
const AT_ONCE = 8;
const ANSWER_MS = soak ? 5_000 : 20_000;

let folder: TempFolder;
let host: ChildProcess;
let socketPath: string;
let log = '';

before(async () => {
  folder = tempFolder();
  socketPath = join(folder.path, 'run', 'driver.sock');
  const config = join(folder.path, 'gateway.toml');
  await writeFile(config, '[openshell.gateway]\ngateway_id = "any-text"\n');
  host = spawn(
    process.execPath,
    [join(import.meta.dirname, 'fake-host.js'), '--bind-socket', socketPath, '--config', config],
    {
      env: { ...process.env, XDG_STATE_HOME: folder.path, XDG_CONFIG_HOME: folder.path },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  host.stderr?.setEncoding('utf8').on('data', (text) => {
    log += text;
  });
  await eventually('the socket is there', () => stat(socketPath).catch(() => undefined));
});
after(async () => {
  if (host.exitCode === null) {
    host.kill();
    await once(host, 'exit');
  }
  folder.remove();
});

function connect() {
  return connectDriver({ name: 'fake', socketPath, signal: AbortSignal.timeout(20_000) });
}

test('an error whose text is cut in the middle of a character reaches the gateway, with all it says', async () => {
  const driver = await connect();
  const signal = AbortSignal.timeout(20_000);
  try {
    for (const shift of ['', 'a', 'aa', 'aaa']) {
      const id = shift + '😀'.repeat(100_000);
      await assert.rejects(driver.start({ id, name: 'x', workspace: 'default' }, { signal }), (error) => {
        const { code, message } = error as OpenShellError;
        assert.equal(code, Code.NOT_FOUND);
        assert.match(message, /^no resource of sandbox a*😀+…$/u);
        return true;
      });
    }
    await driver.create(aSandbox('image'), { signal });
  } finally {
    await driver.close();
  }
});

test(`${CALLS.toLocaleString('en')} calls of every method with any text are answered, and the process lives`, async () => {
  const seed = Number(process.env.OPENSHELL_SEED ?? Date.now() % 1e9);
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  });
  const methods = [...Object.values(driverMethods), ...Object.values(accessMethods)];
  const next = hostileCalls(methods as never, ['box', 'default', 'fake'], createRandom(seed));
  const seen = new Map<number, number>();
  let largest = 0;
  try {
    const makeOne = () => make(client, next(), new Metadata(), ANSWER_MS);
    await makeAll(CALLS, AT_ONCE, makeOne, ({ code, statusBytes }) => {
      seen.set(code, (seen.get(code) ?? 0) + 1);
      largest = Math.max(largest, statusBytes);
    });
  } catch (error) {
    throw new Error(`OPENSHELL_SEED=${seed}: ${(error as Error).message}\n${log.slice(-2000)}`);
  } finally {
    client.close();
  }
  assert.equal(host.exitCode, null, `OPENSHELL_SEED=${seed}: it ended:\n${log.slice(-2000)}`);
  assert.equal(seen.get(Code.UNAVAILABLE) ?? 0, 0, `OPENSHELL_SEED=${seed}: a connection was lost`);
  assert(largest <= 4096, `OPENSHELL_SEED=${seed}: a status of ${largest} bytes`);
  assert((seen.get(0) ?? 0) > CALLS / 50, 'too few calls were answered');
});
