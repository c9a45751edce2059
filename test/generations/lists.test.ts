import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { methods as v00 } from '../../dist/wire/v00/index.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import { everywhere, here, inWorkspace, serveEachTest } from './served.js';

const served = serveEachTest();
const call: typeof served.gateway.client.unary = (...args) => served.gateway.client.unary(...args);
function create(name: string, scope = here, labels = {}) {
  return call(v01.createSandbox, { name, labels, ...scope });
}

async function page(more: object) {
  const { sandboxes, nextPageToken } = await call(v01.listSandboxes, { pageSize: 2, ...more });
  return { names: sandboxes.map(({ metadata }) => metadata?.name), nextPageToken };
}

const badToken = { code: status.INVALID_ARGUMENT, details: /page_token/ };

test('a selector names one workspace or all of them', async () => {
  await call(v01.createWorkspace, { name: 'team' });
  await create('one');
  await create('two', inWorkspace('team'));
  assert.deepEqual((await page(here)).names, ['one']);
  assert.deepEqual((await page(inWorkspace('team'))).names, ['two']);
  assert.deepEqual((await page(everywhere)).names, ['one', 'two']);
  const { sandbox } = await call(v01.getSandbox, { name: 'two', ...inWorkspace('team') });
  assert.equal(sandbox?.metadata?.workspace, 'team');
});

test('a selector that selects nothing, or too much, is refused by its field', async () => {
  const nothing = { workspaceScope: {} };
  await assert.rejects(call(v01.getSandbox, { name: 'a', ...nothing }), {
    code: status.INVALID_ARGUMENT,
    details: /workspace_scope selects nothing/,
  });
  await assert.rejects(call(v01.getSandbox, { name: 'a', ...everywhere }), {
    code: status.INVALID_ARGUMENT,
    details: /workspace_scope selects all workspaces/,
  });
  await assert.rejects(call(v01.listSandboxes, inWorkspace('nowhere')), { code: status.NOT_FOUND });
});

test('pages go on where the last one ended while sandboxes come and go', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    await create(name);
  }
  const first = await page(here);
  assert.deepEqual(first.names, ['a', 'b']);
  await call(v01.deleteSandbox, { name: 'b', ...here });
  await call(v01.deleteSandbox, { name: 'c', ...here });
  await create('f');
  const second = await page({ ...here, pageToken: first.nextPageToken });
  const third = await page({ ...here, pageToken: second.nextPageToken });
  const seen = [...second.names, ...third.names].filter((name) => name !== 'c');
  assert.deepEqual(seen, ['d', 'e', 'f']);
  assert.equal(third.nextPageToken, '');
});

test('a token outlives a restart, and another page size', async () => {
  for (const name of ['a', 'b', 'c']) {
    await create(name);
  }
  const { nextPageToken } = await page(here);
  await served.restart();
  assert.deepEqual((await page({ ...here, pageSize: 9, pageToken: nextPageToken })).names, ['c']);
});

test('a token that is altered, or of another query, is refused', async () => {
  for (const name of ['a', 'b', 'c']) {
    await create(name, here, { of: 'x' });
  }
  const { nextPageToken } = await page(here);
  for (const at of [0, 10, 30, nextPageToken.length - 1]) {
    const letter = nextPageToken[at] === 'A' ? 'B' : 'A';
    const altered = nextPageToken.slice(0, at) + letter + nextPageToken.slice(at + 1);
    await assert.rejects(page({ ...here, pageToken: altered }), badToken);
  }
  for (const pageToken of ['x', '!', `${nextPageToken}A`, nextPageToken.slice(0, -4)]) {
    await assert.rejects(page({ ...here, pageToken }), badToken);
  }
  await assert.rejects(page({ ...everywhere, pageToken: nextPageToken }), badToken);
  await assert.rejects(page({ ...here, labelSelector: 'of=x', pageToken: nextPageToken }), badToken);
  await assert.rejects(call(v01.listWorkspaces, { pageToken: nextPageToken }), badToken);
});

test('a page size of 0 is the default, and a negative one is refused', async () => {
  await create('a');
  assert.deepEqual((await page({ ...here, pageSize: 0 })).names, ['a']);
  await assert.rejects(page({ ...here, pageSize: -1 }), {
    code: status.INVALID_ARGUMENT,
    details: /page_size/,
  });
});

test('workspaces are listed in pages, also when the first request does not tell its generation', async () => {
  for (const name of ['x', 'y', 'z']) {
    await call(v01.createWorkspace, { name });
  }
  const names: (string | undefined)[] = [];
  let pageToken = '';
  do {
    const answer = await call(v01.listWorkspaces, { pageSize: 3, pageToken });
    names.push(...answer.workspaces.map(({ metadata }) => metadata?.name));
    pageToken = answer.nextPageToken;
  } while (pageToken !== '');
  assert.deepEqual(names, ['default', 'x', 'y', 'z']);
  const old = await call(v00.listWorkspaces, { limit: 2, offset: 1 });
  assert.deepEqual(
    old.workspaces.map(({ metadata }) => [metadata?.name, Number(metadata?.createdAtMs) > 0]),
    [
      ['x', true],
      ['y', true],
    ],
  );
});

test('a request without any mark is of generation 0.0, in the default workspace', async () => {
  await create('a');
  const { sandbox } = await call(v00.getSandbox, { name: 'a' });
  assert.ok((sandbox?.metadata?.createdAtMs ?? 0n) > 0n);
  assert.deepEqual((await call(v00.listSandboxes, {})).sandboxes.length, 1);
  const answer = await call(v01.getSandbox, { name: 'a' });
  assert.equal(answer.sandbox?.metadata?.createdTime, undefined);
});
