import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { eventually } from '../support/wait.js';
import type { Behaviour } from './support/fake-gateway.js';
import { Refusal } from './support/fake-gateway.js';
import { gatewayForTest } from './support/gateway-for-test.js';
import { cleanEnvironment, MAIN } from './support/run.js';
import { exit, ready, SandboxPhase, sandboxIn, stderr, stdout } from './support/sandboxes.js';

const MIB = 1024 * 1024;

/** A gateway whose one sandbox runs what the test says, without input. */
function running(execSandbox: NonNullable<Behaviour['execSandbox']>): Behaviour {
  return { getSandbox: () => ({ sandbox: ready }), execSandbox };
}

/** Runs through a shell, for redirections that a pipe from here cannot be. */
function shell(script: string, env: NodeJS.ProcessEnv): Promise<{ code: number | null; stdout: string }> {
  const child = spawn('bash', ['-c', script], {
    env: { ...cleanEnvironment(env), NODE: process.execPath, MAIN },
    timeout: 30_000,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const out: Buffer[] = [];
  child.stdout.on('data', (data) => out.push(data));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(out).toString() }));
  });
}

test('output goes to its own streams and the exit code passes through', async (t) => {
  const gateway = await gatewayForTest(
    t,
    running(async (_, stream) => {
      stream.send(stdout('out\n'));
      stream.send(stderr('err\n'));
      stream.send(exit(42));
    }),
  );
  const endpoint = { OPENSHELL_GATEWAY_ENDPOINT: `http://${gateway.address}` };
  const { code, stdout: out } = await shell(
    '"$NODE" "$MAIN" sandbox exec -n box -- sh -c x </dev/null 2>&1 1>/dev/null; exit $?',
    endpoint,
  );
  assert.deepEqual([code, out], [42, 'err\n']);
  assert.deepEqual(gateway.calls, ['GetSandbox', 'ExecSandbox']);
});

test('command, directory, environment and time reach the gateway unchanged', async (t) => {
  let request: Record<string, unknown> = {};
  const gateway = await gatewayForTest(
    t,
    running(async (got, stream) => {
      request = { ...got };
      stream.send(exit(0));
    }),
  );
  const argv =
    '-n box --workdir "/a b" --timeout 5 --env "A=x y" --env B= -- printf %s "it\'s" "" \'$HOME\' -n';
  const { code } = await shell(`"$NODE" "$MAIN" sb exec ${argv} </dev/null`, {
    OPENSHELL_GATEWAY_ENDPOINT: `http://${gateway.address}`,
  });
  assert.equal(code, 0);
  assert.deepEqual(request.command, ['printf', '%s', "it's", '', '$HOME', '-n']);
  assert.deepEqual([request.sandboxId, request.workdir, request.timeoutSeconds], ['id-of-box', '/a b', 5]);
  assert.deepEqual(request.environment, { A: 'x y', B: '' });
  assert.equal(request.tty, false);
});

test('a pipe is sent whole, its end is the end of the requests', async (t) => {
  const input = randomBytes(8 * MIB);
  const hash = createHash('sha256');
  let frames = 0;
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: ready }),
    execSandboxInteractive: async ({ payload }, stream) => {
      assert.equal(payload.case, 'start');
      for await (const frame of stream.frames) {
        assert.equal(frame.payload.case, 'stdin');
        hash.update(frame.payload.value as Uint8Array);
        frames++;
      }
      stream.send(stdout(`${hash.digest('hex')}\n`));
      stream.send(exit(0));
    },
  });
  const result = await gateway.run(['sandbox', 'exec', '-n', 'box', '--', 'sha256sum'], { input });
  assert.equal(result.stdout, `${createHash('sha256').update(input).digest('hex')}\n`);
  assert.equal(result.code, 0);
  assert.ok(frames > 8);
});

test('a file on stdin is sent, /dev/null is not asked for', async (t) => {
  const gateway = await gatewayForTest(t, {
    ...running(async (_, stream) => stream.send(exit(0))),
    execSandboxInteractive: async (_, stream) => {
      for await (const { payload } of stream.frames) {
        if (payload.case === 'stdin') {
          stream.send(stdout(Buffer.from(payload.value).toString()));
        }
      }
      stream.send(exit(0));
    },
  });
  const endpoint = { OPENSHELL_GATEWAY_ENDPOINT: `http://${gateway.address}` };
  const { stdout: out } = await shell('"$NODE" "$MAIN" sb exec -n box -- cat < <(echo piped)', endpoint);
  assert.equal(out, 'piped\n');
  const file = await shell(
    'f=$(mktemp); echo filed >"$f"; "$NODE" "$MAIN" sb exec -n box -- cat <"$f"; rm "$f"',
    endpoint,
  );
  assert.equal(file.stdout, 'filed\n');
  await shell('"$NODE" "$MAIN" sb exec -n box -- cat <&-', endpoint);
  assert.deepEqual(gateway.calls.slice(-1), ['ExecSandbox']);
});

test('a command that ends without reading its input ends the client, with stdin still open', async (t) => {
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: ready }),
    execSandboxInteractive: async (_, stream) => stream.send(exit(3)),
  });
  const client = gateway.start(['sandbox', 'exec', '-n', 'box', '--', 'false']);
  assert.equal((await client.result).code, 3);
});

test('input is held back while the gateway does not take it', async (t) => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let received = 0;
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: ready }),
    execSandboxInteractive: async (_, stream) => {
      await held;
      for await (const { payload } of stream.frames) {
        if (payload.case === 'stdin') {
          received += payload.value.length;
        }
      }
      stream.send(exit(0));
    },
  });
  const client = gateway.start(['sandbox', 'exec', '-n', 'box', '--', 'cat']);
  const size = 32 * MIB;
  let taken = 0;
  const source = (async () => {
    const chunk = Buffer.alloc(MIB);
    for (; taken < size; taken += MIB) {
      if (!client.child.stdin.write(chunk)) {
        await new Promise((resolve) => client.child.stdin.once('drain', resolve));
      }
    }
    client.child.stdin.end();
  })();
  let before = -1;
  await eventually('the flow to come to a halt', () => {
    const isStill = taken === before && taken > 0;
    before = taken;
    return isStill;
  });
  assert.ok(taken < size / 2, `${taken} bytes were taken while nobody read them`);
  release();
  await source;
  assert.equal((await client.result).code, 0);
  assert.equal(received, size);
});

test('Ctrl-C cancels the remote command and answers 130', async (t) => {
  let cancelled = false;
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: ready }),
    execSandboxInteractive: async (_, stream) => {
      stream.send(stdout('begun\n'));
      await stream.cancelled;
      cancelled = true;
    },
  });
  const client = gateway.start(['sandbox', 'exec', '-n', 'box', '--', 'sleep', '1000']);
  await eventually('output', () => client.stdout() === 'begun\n');
  client.child.kill('SIGINT');
  const { code, stderr: err } = await client.result;
  assert.deepEqual([code, err], [130, '']);
  await eventually('the cancel', () => cancelled);
});

test('a reader that goes away ends the command quietly', async (t) => {
  let cancelled = false;
  const gateway = await gatewayForTest(
    t,
    running(async (_, stream) => {
      const timer = setInterval(() => stream.send(stdout('y\n'.repeat(1000))), 1);
      await stream.cancelled;
      clearInterval(timer);
      cancelled = true;
    }),
  );
  const endpoint = { OPENSHELL_GATEWAY_ENDPOINT: `http://${gateway.address}` };
  const script = '"$NODE" "$MAIN" sb exec -n box -- yes </dev/null 2>&1 | head -1; echo "$PIPESTATUS"';
  assert.equal((await shell(script, endpoint)).stdout, 'y\n141\n');
  await eventually('the cancel', () => cancelled);
});

test('a sandbox that is not ready is refused with what to do', async (t) => {
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: sandboxIn(SandboxPhase.STOPPED) }),
  });
  const { code, stderr: err } = await gateway.run(['sandbox', 'exec', '-n', 'box', '--', 'true']);
  assert.deepEqual(
    [code, err],
    [1, "error: sandbox 'box' is not ready; its phase is stopped (openshell sandbox start box)\n"],
  );
});

test('a stream that ends or fails before the exit code is an error', async (t) => {
  const gateway = await gatewayForTest(t, {
    getSandbox: () => ({ sandbox: ready }),
    execSandboxInteractive: async () => {},
  });
  const args = ['sandbox', 'exec', '-n', 'box', '--', 'true'];
  const ended = await gateway.run(args);
  assert.deepEqual(
    [ended.code, ended.stderr],
    [1, 'error: the gateway ended the stream before the command had ended\n'],
  );
  gateway.behaviour.execSandboxInteractive = async () => {
    throw new Refusal(9, 'an exec with a timeout needs /bin/sh in the image');
  };
  assert.equal(
    (await gateway.run(args)).stderr,
    'error: an exec with a timeout needs /bin/sh in the image\n',
  );
});
