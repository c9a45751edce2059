import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { silentLogger } from '../../dist/compute/log.js';
import { asIs } from '../../dist/gateway/services/kept-answers.js';
import { createRequestService } from '../../dist/gateway/services/requests.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { SandboxPhase, methods as v01 } from '../../dist/wire/v01/index.js';
import { tempFolder } from '../support/folder.js';
import { eventually } from '../support/wait.js';
import { here, inPhase, serveEachTest } from './served.js';

const served = serveEachTest();
const call: typeof served.gateway.client.unary = (...args) => served.gateway.client.unary(...args);
function create(requestId: string, more: object = {}) {
  return call(v01.createSandbox, { requestId, labels: { a: '1', b: '2' }, ...here, ...more });
}

async function count() {
  return (await call(v01.listSandboxes, here)).sandboxes.length;
}

test('a create that is repeated gives the first answer again, also after a restart, and makes one sandbox', async () => {
  const first = await create('r-1');
  const name = first.sandbox?.metadata?.name ?? '';
  await inPhase(served, name, SandboxPhase.READY);
  assert.deepEqual(await create('r-1'), first);
  await served.restart();
  // Another encoding of the same message: the order of a map's entries means nothing.
  assert.deepEqual(await create('r-1', { labels: { b: '2', a: '1' } }), first);
  assert.equal(await count(), 1);
});

test('the same id with another request, or of another method, is refused', async () => {
  await create('r-1', { name: 'a' });
  const reused = { code: status.INVALID_ARGUMENT, details: /request_id 'r-1' was used for another request/ };
  await assert.rejects(create('r-1', { name: 'b' }), reused);
  await assert.rejects(call(v01.stopSandbox, { name: 'a', requestId: 'r-1', ...here }), reused);
  await assert.rejects(create('not visible \n'), { code: status.INVALID_ARGUMENT, details: /request_id/ });
});

test('requests at the same time under one id are one request', async () => {
  const answers = await Promise.all([create('r'), create('r'), create('r')]);
  const [id, ...others] = answers.map(({ sandbox }) => sandbox?.metadata?.id);
  assert.deepEqual(others, [id, id]);
  assert.equal(await count(), 1);
});

test('a failure is not kept: the repetition may succeed', async () => {
  const name = 'a';
  await create('', { name });
  await assert.rejects(create('r', { name }), { code: status.ALREADY_EXISTS });
  await call(v01.deleteSandbox, { name, ...here });
  assert.equal((await create('r', { name })).sandbox?.metadata?.name, name);
});

test('deletes, stops and starts that are repeated give their first answers', async () => {
  await create('', { name: 'a' });
  await inPhase(served, 'a', SandboxPhase.READY);
  const stopped = await call(v01.stopSandbox, { name: 'a', requestId: 'stop', ...here });
  const started = await call(v01.startSandbox, { name: 'a', requestId: 'start', ...here });
  assert.deepEqual(await call(v01.stopSandbox, { name: 'a', requestId: 'stop', ...here }), stopped);
  assert.equal(started.sandbox?.status?.phase, SandboxPhase.READY);
  await inPhase(served, 'a', SandboxPhase.READY);
  const deleted = await call(v01.deleteSandbox, { name: 'a', requestId: 'delete', ...here });
  await create('', { name: 'b' });
  await served.restart();
  assert.deepEqual(await call(v01.deleteSandbox, { name: 'a', requestId: 'delete', ...here }), deleted);
});

test('workspaces and templates are created and deleted once under one id', async () => {
  const space = { name: 'team', requestId: 'w' };
  const made = await call(v01.createWorkspace, space);
  assert.deepEqual(await call(v01.createWorkspace, space), made);
  const gone = { name: 'team', requestId: 'x' };
  assert.deepEqual(await call(v01.deleteWorkspace, gone), await call(v01.deleteWorkspace, gone));
  const template = { metadata: { name: 't' }, spec: { workload: {} } };
  const kept = { template, requestId: 't', ...here };
  const first = await call(v01.createSandboxTemplate, kept);
  assert.deepEqual(await call(v01.createSandboxTemplate, kept), first);
  const remove = { name: 't', requestId: 'y', ...here };
  assert.deepEqual(
    await call(v01.deleteSandboxTemplate, remove),
    await call(v01.deleteSandboxTemplate, remove),
  );
});

test('after 24 hours an id is free again', async (t) => {
  const folder = tempFolder();
  const store = await openStore({ path: `${folder.path}/db` });
  try {
    let nowMs = 1_000_000_000_000;
    const requests = createRequestService({ store, log: silentLogger, now: () => nowMs });
    t.after(() => requests.close());
    const ask = (fingerprint: string) =>
      requests.once(
        { subject: 's', requestId: 'r', fingerprint: () => fingerprint },
        asIs<string>(),
        async () => fingerprint,
      );
    assert.equal(await ask('first'), 'first');
    nowMs += 24 * 3_600_000 - 1;
    await assert.rejects(ask('second'), { reason: 'RequestIdReused' });
    nowMs += 1;
    assert.equal(await ask('second'), 'second');
    const of = (subject: string) =>
      requests.once(
        { subject, requestId: 'r', fingerprint: () => subject },
        asIs<string>(),
        async () => subject,
      );
    assert.equal(await of('another user'), 'another user');
  } finally {
    await store.close();
    folder.remove();
  }
});

test('old requests are forgotten by themselves, without another one', async (t) => {
  const folder = tempFolder();
  const store = await openStore({ path: `${folder.path}/db` });
  const nowMs = 1_000_000_000_000;
  const kept = { subject: 's', fingerprint: 'f', answer: '{}' };
  await store.putRequest({ ...kept, requestId: 'old', createdAtMs: nowMs - 24 * 3_600_000 - 1 });
  const requests = createRequestService({ store, log: silentLogger, now: () => nowMs, pruneEveryMs: 10 });
  t.after(async () => {
    requests.close();
    await store.close();
    folder.remove();
  });
  const forgotten = async (id: string) => (await store.getRequest('s', id)) === undefined;
  await eventually('forgotten at the start', () => forgotten('old'));
  await store.putRequest({ ...kept, requestId: 'older', createdAtMs: 1 });
  await store.putRequest({ ...kept, requestId: 'young', createdAtMs: nowMs });
  await eventually('forgotten later', () => forgotten('older'));
  assert.equal(await forgotten('young'), false);
});
