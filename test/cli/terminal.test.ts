import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/wait.js';
import { type Behaviour, Refusal } from './support/fake-gateway.js';
import { gatewayForTest } from './support/gateway-for-test.js';
import { MAIN, type Running, start } from './support/run.js';
import { change, exit, progress, provisioning, ready, stdout } from './support/sandboxes.js';

const ON_TERMINAL = fileURLToPath(new URL('../../test/cli/support/on-terminal.py', import.meta.url));
const skip = spawnSync('python3', ['-c', 'import fcntl, termios']).status !== 0 && 'no python3 here';

/** Starts `openshell` on a terminal of 80 x 24. */
function onTerminal(address: string, args: readonly string[]): Running {
  const env = { OPENSHELL_GATEWAY_ENDPOINT: `http://${address}`, TERM: 'xterm' };
  return start('python3', [ON_TERMINAL, process.execPath, MAIN, ...args], env);
}

/** A remote shell that answers each key with `<key>` and each new size with its numbers, until `q`. */
function echoing(seen: { command?: readonly string[]; environment?: Record<string, string> }): Behaviour {
  return {
    getSandbox: () => ({ sandbox: ready }),
    execSandboxInteractive: async ({ payload }, stream) => {
      assert.equal(payload.case, 'start');
      seen.command = payload.value.command;
      seen.environment = payload.value.environment;
      stream.send(stdout(`at ${payload.value.cols}x${payload.value.rows} tty=${payload.value.tty}\r\n`));
      for await (const { payload } of stream.frames) {
        if (payload.case === 'resize') {
          stream.send(stdout(`now ${payload.value.cols}x${payload.value.rows}\r\n`));
        }
        if (payload.case !== 'stdin') {
          continue;
        }
        const keys = Buffer.from(payload.value).toString();
        stream.send(stdout(`<${JSON.stringify(keys)}>`));
        if (keys.includes('q')) {
          break;
        }
      }
      stream.send(exit(9));
    },
  };
}

test('connect: a shell on a raw terminal; keys, Ctrl-C and sizes go there', { skip }, async (t) => {
  const seen: Parameters<typeof echoing>[0] = {};
  const gateway = await gatewayForTest(t, echoing(seen));
  const client = onTerminal(gateway.address, ['sandbox', 'connect', 'box']);
  await eventually('the shell', () => client.stdout().includes('at 80x24 tty=true'));
  client.child.stdin.write('\x03');
  await eventually('Ctrl-C at the far end', () => client.stdout().includes('<"\\u0003">'));
  client.child.kill('SIGUSR1');
  await eventually('the new size', () => client.stdout().includes('now 120x40'));
  client.child.stdin.write('q');
  const { code, stderr } = await client.result;
  assert.deepEqual([code, stderr], [9, 'terminal restored\n']);
  assert.equal(seen.command?.[0], '/bin/sh');
  assert.equal(seen.environment?.TERM, 'xterm');
});

test('exec --tty gives the command the same terminal', { skip }, async (t) => {
  const seen: Parameters<typeof echoing>[0] = {};
  const gateway = await gatewayForTest(t, echoing(seen));
  const client = onTerminal(gateway.address, [
    'sb',
    'exec',
    '-n',
    'box',
    '--tty',
    '--env',
    'TERM=vt100',
    '--',
    'top',
  ]);
  await eventually('the command', () => client.stdout().includes('tty=true'));
  client.child.stdin.write('q');
  assert.equal((await client.result).code, 9);
  assert.deepEqual(seen.command, ['top']);
  assert.equal(seen.environment?.TERM, 'vt100');
});

test('a terminal is restored when the gateway goes away', { skip }, async (t) => {
  const gateway = await gatewayForTest(t, echoing({}));
  const client = onTerminal(gateway.address, ['sandbox', 'connect', 'box']);
  await eventually('the shell', () => client.stdout().includes('tty=true'));
  await gateway.close();
  const { code, stdout: screen, stderr } = await client.result;
  assert.deepEqual([code, stderr], [1, 'terminal restored\n']);
  assert.match(screen, /\nerror: /);
});

test('without --tty a terminal is not read and stays as it is', { skip }, async (t) => {
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: ready }),
    execSandbox: async (_, stream) => {
      stream.send(stdout('hello\n'));
      await stream.cancelled;
    },
  });
  const client = onTerminal(gateway.address, ['sandbox', 'exec', '-n', 'box', '--', 'sleep', '1000']);
  await eventually('output', () => client.stdout().includes('hello'));
  client.child.stdin.write('\x03');
  const { code, stderr } = await client.result;
  assert.deepEqual([code, stderr], [130, 'terminal restored\n']);
});

test('create on a terminal shows progress, then opens a shell; --no-keep deletes afterwards', {
  skip,
}, async (t) => {
  const deleted: string[] = [];
  const gateway = await gatewayForTest(t, {
    ...echoing({}),
    createSandbox: () => ({ sandbox: provisioning }),
    watchSandbox: async (_, stream) => {
      stream.send(progress({ active_step: 'pulling_image', active_detail: '1 of 2 MB' }, 1n));
      stream.send(progress({ complete_step: 'pulling_image', complete_label: 'Image pulled' }, 2n));
      stream.send(change(ready));
      await stream.cancelled;
    },
    deleteSandbox: ({ name }) => {
      deleted.push(name);
      gateway.behaviour.getSandbox = () => {
        throw new Refusal(5, 'sandbox not found');
      };
      return { deleted: true };
    },
  });
  const client = onTerminal(gateway.address, ['sandbox', 'create', '--no-keep']);
  await eventually('the shell', () => client.stdout().includes('tty=true'));
  assert.match(client.stdout(), /Pulling the image {2}1 of 2 MB/);
  assert.match(client.stdout(), /✓.* Image pulled\r\n/);
  client.child.stdin.write('q');
  const { code, stdout: screen } = await client.result;
  assert.equal(code, 9);
  assert.match(screen, /sandbox 'box' is ready\r\n.*sandbox 'box' deleted\r\n$/s);
  assert.deepEqual(deleted, ['box']);
});

test('create: a shell that is cut off leaves the sandbox and says so', { skip }, async (t) => {
  const gateway = await gatewayForTest(t, {
    ...echoing({}),
    createSandbox: () => ({ sandbox: ready }),
  });
  const client = onTerminal(gateway.address, ['sandbox', 'create']);
  await eventually('the shell', () => client.stdout().includes('tty=true'));
  await gateway.close();
  const { code, stdout: screen } = await client.result;
  assert.equal(code, 1);
  assert.match(screen, /sandbox 'box' is kept; remove it with openshell sandbox delete box\r\nerror: /);
});
