import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/wait.js';
import type { Behaviour } from './support/fake-gateway.js';
import { Refusal } from './support/fake-gateway.js';
import { gatewayForTest } from './support/gateway-for-test.js';
import {
  change,
  failedSandbox,
  logEvent,
  logLine,
  progress,
  provisioning,
  ready,
  SandboxPhase,
  sandboxIn,
} from './support/sandboxes.js';

/** A gateway on which a create goes well; deletes are remembered. */
function willing(deleted: string[] = []): Behaviour {
  return {
    createSandbox: () => ({ sandbox: provisioning }),
    watchSandbox: async (_, stream) => {
      stream.send(change(provisioning));
      stream.send(change(ready));
      await stream.cancelled;
    },
    deleteSandbox: ({ name }) => {
      deleted.push(name);
      return { deleted: true };
    },
    getSandbox: () => {
      throw new Refusal(5, 'sandbox not found');
    },
  };
}

test('every option reaches the request', async (t) => {
  let request: unknown;
  const gateway = await gatewayForTest(t, {
    ...willing(),
    createSandbox: ({ $typeName: _, ...rest }) => {
      request = JSON.parse(JSON.stringify(rest, (key, value) => (key.startsWith('$') ? undefined : value)));
      return { sandbox: provisioning };
    },
  });
  const options = [
    ...['--name', 'box', '--from', 'debian:13', '--gpu=2', '--cpu', '500m', '--memory', '1Gi', '--tty'],
    ...['--driver-config-json', '{"docker":{"read_only":true}}', '--driver', 'docker', '--annotation', 'x=y'],
    ...['--label', 'team=a', '--env', 'A=1=2', '--env', 'FROM_HERE', '--workspace', 'w'],
  ];
  const command = ['sh', '-c', 'echo $0', '--name'];
  const { code, stdout } = await gateway.run(['sandbox', 'create', ...options, '--', ...command], {
    env: { FROM_HERE: 'yes' },
  });
  assert.deepEqual([code, stdout], [0, "sandbox 'box' is ready\n"]);
  assert.deepEqual(request, {
    name: 'box',
    workspace: 'w',
    labels: { team: 'a' },
    annotations: { x: 'y', 'openshell.ai/compute-driver': 'docker' },
    spec: {
      logLevel: '',
      environment: { A: '1=2', FROM_HERE: 'yes' },
      providers: [],
      command,
      tty: true,
      resourceRequirements: { gpu: { count: 2 } },
      template: {
        image: 'debian:13',
        runtimeClassName: '',
        agentSocket: '',
        labels: {},
        annotations: {},
        environment: {},
        resources: { limits: { cpu: '500m', memory: '1Gi' } },
        driverConfig: { docker: { read_only: true } },
      },
    },
  });
});

test('contradictions are refused before anything is made', async (t) => {
  const gateway = await gatewayForTest(t, willing());
  const wrong = [
    ['--tty', '--no-tty'],
    ['--no-keep', '--detach', '--', 'true'],
    ['--no-keep', '-o', 'json', '--', 'true'],
    ['--no-keep'],
    ['--driver', 'docker', '--annotation', 'openshell.ai/compute-driver=vm'],
    ['--gpu=0'],
    ['--driver-config-json', '[]'],
  ];
  for (const options of wrong) {
    const { code, stderr } = await gateway.run(['sandbox', 'create', ...options]);
    assert.equal(code, 2, `${options.join(' ')}: ${stderr}`);
  }
  assert.deepEqual(gateway.calls, []);
});

test('-o json answers the sandbox as it is when ready, and nothing else on stdout', async (t) => {
  const gateway = await gatewayForTest(t, willing());
  const { stdout, stderr } = await gateway.run(['sandbox', 'create', '-o', 'json']);
  assert.equal(JSON.parse(stdout).status.phase, 'ready');
  assert.equal(stderr, '');
});

test('-v says steps and phases off a terminal', async (t) => {
  const gateway = await gatewayForTest(t, {
    ...willing(),
    watchSandbox: async (_, stream) => {
      stream.send(progress({ active_step: 'pulling_image', active_detail: '1 of 2 MB' }, 1n));
      stream.send(progress({ complete_step: 'pulling_image', complete_label: 'Image pulled' }, 2n));
      stream.send(progress({ complete_step: 'pulling_image', complete_label: 'Image pulled' }, 2n));
      stream.send(progress({ complete_step: 'starting_sandbox' }, 3n));
      stream.send(change(ready));
      await stream.cancelled;
    },
  });
  const { stderr } = await gateway.run(['sandbox', 'create', '-v']);
  assert.match(stderr, /^gateway: http:.*\nCreated sandbox box\nImage pulled\nStarting the sandbox\n$/);
});

test('ERROR ends with its reason and exit code 1, and the sandbox stays', async (t) => {
  const deleted: string[] = [];
  const gateway = await gatewayForTest(t, {
    ...willing(deleted),
    watchSandbox: async (_, stream) => {
      stream.send(change(failedSandbox('ImagePullFailed', 'no such image: x')));
      await stream.cancelled;
    },
  });
  const { code, stderr } = await gateway.run(['sandbox', 'create', '--from', 'x']);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: sandbox 'box' failed: ImagePullFailed: no such image: x \(.*sandbox delete box\)\n$/,
  );
  assert.deepEqual(deleted, []);
  const discarded = await gateway.run(['sandbox', 'create', '--no-keep', '--from', 'x', '--', 'true']);
  assert.equal(discarded.code, 1);
  assert.deepEqual(deleted, ['box']);
});

test('a command that has ended by the time we look was ready before', async (t) => {
  const gateway = await gatewayForTest(t, {
    ...willing(),
    watchSandbox: async (_, stream) => {
      stream.send(change(failedSandbox('MainProcessExited', 'ended', 3)));
      await stream.cancelled;
    },
  });
  const { code, stdout } = await gateway.run(['sandbox', 'create', '--', 'sh', '-c', 'exit 3']);
  assert.equal(code, 0);
  assert.equal(stdout, "sandbox 'box' is ready; its command has exited with code 3\n");
});

test('a watch that breaks is opened again', async (t) => {
  let watches = 0;
  const gateway = await gatewayForTest(t, {
    ...willing(),
    watchSandbox: async (_, stream) => {
      watches++;
      stream.send(change(watches < 3 ? provisioning : ready));
      if (watches === 1) {
        throw new Refusal(8, 'watch stream lagged; dropped 3 messages');
      }
      if (watches === 2) {
        return;
      }
      await stream.cancelled;
    },
  });
  assert.equal((await gateway.run(['sandbox', 'create'])).code, 0);
  assert.equal(watches, 3);
});

test('without progress it gives up with exit code 124; progress gives it more time', async (t) => {
  const gateway = await gatewayForTest(t, {
    ...willing(),
    watchSandbox: async (_, stream) => {
      stream.send(change(provisioning));
      await stream.cancelled;
    },
  });
  const env = { OPENSHELL_PROVISION_TIMEOUT: '1' };
  const stuck = await gateway.run(['sandbox', 'create'], { env });
  assert.equal(stuck.code, 124);
  assert.match(stuck.stderr, /'box' was not ready after 1 s without progress/);

  gateway.behaviour.watchSandbox = async (_, stream) => {
    let tick = 0n;
    const timer = setInterval(() => stream.send(progress({ active_detail: `${tick}` }, ++tick)), 200);
    setTimeout(() => stream.send(change(ready)), 4500);
    await stream.cancelled;
    clearInterval(timer);
  };
  const patient = { OPENSHELL_PROVISION_TIMEOUT: '3' };
  assert.equal((await gateway.run(['sandbox', 'create'], { env: patient })).code, 0);
});

for (const [signal, expected] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} while it waits deletes the sandbox and says so`, async (t) => {
    const deleted: string[] = [];
    const gateway = await gatewayForTest(t, {
      ...willing(deleted),
      watchSandbox: async (_, stream) => {
        stream.send(change(provisioning));
        await stream.cancelled;
      },
    });
    const running = gateway.start(['sandbox', 'create']);
    await eventually('the watch', () => gateway.calls.includes('WatchSandbox'));
    running.child.kill(signal);
    const { code, stderr } = await running.result;
    assert.deepEqual([code, stderr, deleted], [expected, "sandbox 'box' deleted\n", ['box']]);
  });
}

test('Ctrl-C before the gateway has answered waits for the name, then deletes', async (t) => {
  const deleted: string[] = [];
  let answer = () => {};
  const gateway = await gatewayForTest(t, {
    ...willing(deleted),
    createSandbox: async () => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return { sandbox: provisioning };
    },
  });
  const running = gateway.start(['sandbox', 'create']);
  await eventually('the call', () => gateway.calls.includes('CreateSandbox'));
  running.child.kill('SIGINT');
  await eventually('the interrupt is seen', () => running.stderr().includes('waiting for the name'));
  answer();
  assert.equal((await running.result).code, 130);
  assert.deepEqual(deleted, ['box']);
});

test('a sandbox that cannot be deleted after Ctrl-C is named with what removes it', async (t) => {
  const gateway = await gatewayForTest(t, {
    ...willing(),
    watchSandbox: (_, stream) => stream.cancelled,
    deleteSandbox: () => {
      throw new Refusal(13, 'the engine is on fire');
    },
  });
  const running = gateway.start(['sandbox', 'create']);
  await eventually('the watch', () => gateway.calls.includes('WatchSandbox'));
  running.child.kill('SIGINT');
  const { code, stderr } = await running.result;
  assert.equal(code, 130);
  assert.match(stderr, /'box' is left behind: .*on fire; remove it with openshell sandbox delete box/);
});

test('--no-keep shows the output of the command, answers its code and deletes the sandbox', async (t) => {
  const deleted: string[] = [];
  const lines = [
    logLine('one'),
    logLine('one'),
    logLine('two', 'stderr', 2n),
    logLine('three', 'stdout', 3n),
  ];
  const gateway = await gatewayForTest(t, {
    ...willing(deleted),
    watchSandbox: async ({ followLogs }, stream) => {
      stream.send(change(ready));
      if (followLogs) {
        stream.send(logEvent('one'));
        stream.send(logEvent('one'));
        stream.send(change(failedSandbox('MainProcessExited', 'ended', 7)));
      }
      await stream.cancelled;
    },
    getSandboxLogs: () => ({ logs: lines }),
  });
  const { code, stdout, stderr } = await gateway.run(['sb', 'create', '--no-keep', '--', 'job']);
  assert.deepEqual([code, stdout], [7, 'one\none\nthree\n']);
  assert.equal(stderr, "two\nsandbox 'box' deleted\n");
  assert.deepEqual(deleted, ['box']);
});

test('stop and start wait for the phase', async (t) => {
  const stopping = sandboxIn(SandboxPhase.STOPPING);
  const stopped = sandboxIn(SandboxPhase.STOPPED);
  const gateway = await gatewayForTest(t, {
    stopSandbox: () => ({ sandbox: stopping }),
    startSandbox: () => ({ sandbox: ready }),
    watchSandbox: async (_, stream) => {
      stream.send(change(stopping));
      stream.send(change(stopped));
      await stream.cancelled;
    },
  });
  assert.equal((await gateway.run(['sandbox', 'stop', 'box'])).stdout, "sandbox 'box' is stopped\n");
  assert.equal((await gateway.run(['sandbox', 'start', 'box'])).stdout, "sandbox 'box' is ready\n");
  assert.deepEqual(gateway.calls, ['StopSandbox', 'WatchSandbox', 'StartSandbox']);
  gateway.behaviour.watchSandbox = (_, stream) => stream.cancelled;
  const env = { OPENSHELL_LIFECYCLE_TIMEOUT: '1' };
  assert.equal((await gateway.run(['sandbox', 'stop', 'box'], { env })).code, 124);
  const wrong = await gateway.run(['sandbox', 'stop', 'box'], { env: { OPENSHELL_LIFECYCLE_TIMEOUT: 'x' } });
  assert.equal(wrong.code, 2);
});
