import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { decodeStatusDetails } from '../../dist/wire/errors/index.js';
import { SandboxPhase as OldPhase, methods as v00 } from '../../dist/wire/v00/index.js';
import {
  DeletionOutcome,
  SandboxPhase,
  type SandboxRestartPolicy,
  methods as v01,
} from '../../dist/wire/v01/index.js';
import { printing } from '../support/fake-engine.js';
import { here, inPhase, inWorkspace, serveEachTest } from './served.js';

const served = serveEachTest({ metricsBindAddress: '127.0.0.1:0' });
const call: typeof served.gateway.client.unary = (...args) => served.gateway.client.unary(...args);
function create(name: string, spec = {}) {
  return call(v01.createSandbox, { name, spec, ...here });
}

async function detailsOf(answer: Promise<unknown>) {
  const error = await answer.then(
    () => assert.fail('the call went through'),
    (thrown) => thrown,
  );
  const details = decodeStatusDetails(error.trailer);
  assert.deepEqual([details?.code, details?.message], [error.code, error.details]);
  return details;
}

test('a process that ended with 0 is COMPLETED in 0.1 and ERROR with its code in 0.0; with 1 it is ERROR in both', async () => {
  for (const code of [0, 1]) {
    const name = `end-${code}`;
    await create(name, { command: ['exit', String(code)] });
    const { status: young } = await inPhase(
      served,
      name,
      code === 0 ? SandboxPhase.COMPLETED : SandboxPhase.ERROR,
    );
    const { sandbox } = await call(v00.getSandbox, { name });
    assert.equal(sandbox?.status?.phase, OldPhase.ERROR);
    assert.deepEqual([young?.exitCode, sandbox?.status?.exitCode], [code, code]);
  }
});

test('times are Timestamps in 0.1 and milliseconds in 0.0, of the same moment', async () => {
  await create('a');
  const young = await inPhase(served, 'a', SandboxPhase.READY);
  const { sandbox: old } = await call(v00.getSandbox, { name: 'a', workspace: 'default' });
  const { createdTime, deletionTime } = young.metadata ?? {};
  assert.equal(createdTime && timestampMs(createdTime), Number(old?.metadata?.createdAtMs));
  assert.equal(deletionTime, undefined);
  const [condition] = young.status?.conditions ?? [];
  const changed = condition?.transitionTime && timestampMs(condition.transitionTime);
  assert.equal(changed, Date.parse(old?.status?.conditions[0]?.lastTransitionTime ?? ''));
});

test('a deletion says what came of it, in both generations', async () => {
  const { sandbox } = await create('a');
  const first = await call(v01.deleteSandbox, { name: 'a', ...here });
  assert.deepEqual([first.outcome, first.sandboxId], [DeletionOutcome.COMPLETED, sandbox?.metadata?.id]);
  await assert.rejects(call(v01.deleteSandbox, { name: 'nobody', ...here }), { code: status.NOT_FOUND });
  const absent = await call(v01.deleteSandbox, { name: 'nobody', allowMissing: true, ...here });
  assert.deepEqual([absent.outcome, absent.sandboxId], [DeletionOutcome.ALREADY_ABSENT, '']);
  await create('b');
  assert.equal((await call(v00.deleteSandbox, { name: 'b' })).deleted, true);
});

test('a workspace is created and deleted alike by both, and each finds its own fields in the answers', async () => {
  const made = await call(v01.createWorkspace, { name: 'team' });
  assert.ok(made.workspace?.metadata?.createdTime);
  const old = await call(v00.getWorkspace, { name: 'team' });
  assert.equal(
    Number(old.workspace?.metadata?.createdAtMs),
    timestampMs(made.workspace.metadata.createdTime),
  );
  assert.equal((await call(v00.deleteWorkspace, { name: 'team' })).deleted, true);
  await assert.rejects(call(v01.deleteWorkspace, { name: 'team' }), { code: status.NOT_FOUND });
  const absent = await call(v01.deleteWorkspace, { name: 'team', allowMissing: true });
  assert.equal(absent.outcome, DeletionOutcome.ALREADY_ABSENT);
  await call(v00.createWorkspace, { name: 'team' });
  assert.equal((await call(v01.deleteWorkspace, { name: 'team' })).outcome, DeletionOutcome.COMPLETED);
});

test('exec goes by name and selector, or by id, and its timeout is a duration', async () => {
  const { sandbox } = await create('a');
  await inPhase(served, 'a', SandboxPhase.READY);
  const timeouts: number[] = [];
  served.engine.exec = (_, spec) => {
    timeouts.push(spec.timeoutMs);
    return printing([{ stream: 'stdout', data: Buffer.from('hi') }], 7);
  };
  const run = async (events: AsyncIterable<{ payload: { case?: string | undefined; value?: unknown } }>) => {
    const cases: unknown[] = [];
    for await (const { payload } of events) {
      cases.push(payload.case);
    }
    return cases;
  };
  const { client } = served.gateway;
  const byName = { sandbox: 'a', command: ['x'], ...here };
  const seconds = { executionTimeout: { seconds: 2n, nanos: 1 } };
  assert.deepEqual(await run(client.serverStream(v01.execSandbox, { ...byName, ...seconds })), [
    'stdout',
    'exit',
  ]);
  await run(client.serverStream(v01.execSandbox, { ...byName, noLoginShell: true }));
  const byId = { sandboxId: sandbox?.metadata?.id ?? '', command: ['x'] };
  await run(client.serverStream(v00.execSandbox, { ...byId, timeoutSeconds: 4_000_000_000 }));
  assert.deepEqual(timeouts, [2001, 0, 2 ** 31 - 1]);
  const negative = { executionTimeout: { seconds: -1n } };
  await assert.rejects(run(client.serverStream(v01.execSandbox, { ...byName, ...negative })), {
    code: status.INVALID_ARGUMENT,
    details: /execution_timeout/,
  });
});

test('an interactive exec is told by its first message', async () => {
  await create('a');
  await inPhase(served, 'a', SandboxPhase.READY);
  served.engine.exec = () => printing([{ stream: 'stdout', data: Buffer.from('hi') }], 0);
  const stream = served.gateway.client.duplex(v01.execSandboxInteractive);
  await stream.send({ payload: { case: 'start', value: { sandbox: 'a', command: ['x'], ...here } } });
  stream.end();
  const cases: unknown[] = [];
  for await (const { payload } of stream.responses) {
    cases.push(payload.case);
  }
  assert.deepEqual(cases, ['stdout', 'exit']);
});

test('a watch by name shows COMPLETED', async () => {
  await create('a');
  const { metadata } = await inPhase(served, 'a', SandboxPhase.READY);
  const phases: SandboxPhase[] = [];
  const events = served.gateway.client.serverStream(v01.watchSandbox, {
    sandbox: 'a',
    followStatus: true,
    ...here,
  });
  for await (const { payload } of events) {
    if (payload.case !== 'sandbox') {
      continue;
    }
    phases.push(payload.value.status?.phase ?? 0);
    if (phases.length === 1) {
      served.engine.exit(metadata?.id ?? '', 0);
    }
    if (phases.at(-1) === SandboxPhase.COMPLETED) {
      break;
    }
  }
  assert.deepEqual(phases, [SandboxPhase.READY, SandboxPhase.COMPLETED]);
});

test('what cannot be honoured is refused by its name', async () => {
  const refusals: [object, string][] = [
    [{ awaitMainProcessAttachment: true }, 'await_main_process_attachment'],
    [{ serviceExposures: [{ service: 'web', targetPort: 80, authorizationMode: 1 }] }, 'service_exposures'],
    [{ spec: { providers: ['p'] } }, 'spec.providers'],
    [{ spec: { policy: {} } }, 'spec.policy'],
    [{ spec: { providerAttachmentEpoch: 'e' } }, 'spec.provider_attachment_epoch'],
  ];
  for (const [more, field] of refusals) {
    const details = await detailsOf(call(v01.createSandbox, { name: 'a', ...here, ...more }));
    assert.deepEqual([details?.code, details?.field, details?.reason], [9, field, 'NotSupported']);
  }
  await assert.rejects(
    call(v01.createSandbox, { name: 'a', spec: { restartPolicy: 9 as SandboxRestartPolicy }, ...here }),
    {
      code: status.INVALID_ARGUMENT,
      details: /restart_policy/,
    },
  );
});

function aborted(signal: AbortSignal) {
  return new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

test('errors carry reason, field, hint and when to try again', async () => {
  const bad = await detailsOf(call(v01.createSandbox, { name: 'No Name', ...here }));
  assert.deepEqual([bad?.field, bad?.reason], ['name', 'InvalidArgument']);
  assert.match(bad?.hint ?? '', /lower-case/);
  const { client } = served.gateway;
  const watch = client.serverStream(v01.watchSandbox, here)[Symbol.asyncIterator]();
  assert.equal((await detailsOf(watch.next()))?.field, 'sandbox');
  const old = await detailsOf(call(v00.getSandbox, { name: 'nobody' }));
  assert.deepEqual([old?.message, old?.reason], ['sandbox not found', 'SandboxNotFound']);
  served.engine.before = (name, _, signal) => (name === 'create' ? aborted(signal) : undefined);
  const { sandbox } = await create('slow');
  const exec = served.gateway.client.serverStream(v00.execSandbox, {
    sandboxId: sandbox?.metadata?.id ?? '',
    command: ['x'],
  });
  const soon = await detailsOf(exec[Symbol.asyncIterator]().next());
  assert.deepEqual([soon?.reason, soon?.retryAfterMs], ['SandboxNotReady', 1000]);
});

test('the gateway says which generations it serves and what its drivers can limit', async () => {
  const { gatewayVersion, computeDrivers } = await call(v01.getGatewayInfo, {});
  assert.match(gatewayVersion, /\+api-0\.0\.api-0\.1$/);
  const { cpu, memory, gpu } = computeDrivers[0]?.capabilities?.resourceCapabilities ?? {};
  assert.deepEqual(
    [cpu?.limitSupported, memory?.limitSupported, gpu?.countSelectionSupported],
    [true, true, false],
  );
  assert.equal((await call(v00.getGatewayInfo, {})).computeDrivers[0]?.name, 'fake');
  served.engine.resourceCapabilities = undefined;
  await served.restart();
  const [driver] = (await call(v01.getGatewayInfo, {})).computeDrivers;
  assert.equal(driver?.name, 'fake');
  assert.equal(driver?.capabilities?.resourceCapabilities, undefined, 'what is not known is left out');
});

test('requests are counted by generation', async () => {
  await call(v00.getSandbox, { name: 'nobody', workspace: 'default' }).catch(() => {});
  await call(v01.getSandbox, { name: 'nobody', ...inWorkspace('default') }).catch(() => {});
  await call(v01.getWorkspace, { name: 'default' });
  const text = await (await fetch(`http://${served.gateway.gateway.metricsAddress}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith('openshell_server_api_requests_total{'));
  const name = 'openshell_server_api_requests_total';
  assert.deepEqual(lines.sort(), [
    `${name}{method="GetSandbox",generation="0.0"} 1`,
    `${name}{method="GetSandbox",generation="0.1"} 1`,
    `${name}{method="GetWorkspace",generation="either"} 1`,
  ]);
});
