import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ServiceError, status } from '@grpc/grpc-js';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import type { LogFields, Logger } from '../../dist/compute/log.js';
import { silentLogger } from '../../dist/compute/log.js';
import type { Target } from '../../dist/gateway/auth/authorizer.js';
import type { MethodShape } from '../../dist/wire/method-shape.js';
import { rpcs as oldRpcs, SandboxPhase, methods as v00 } from '../../dist/wire/v00/index.js';
import { methods as v01 } from '../../dist/wire/v01/index.js';
import { rpcs } from '../../dist/wire/v01/rpcs.js';
import { createFakeEngine } from '../support/fake-engine.js';
import { tempFolder } from '../support/folder.js';
import { startTestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

const IN_DEFAULT = { workspaceScope: { selection: { case: 'workspace' as const, value: 'default' } } };
const IN_ALL = { workspaceScope: { selection: { case: 'allWorkspaces' as const, value: {} } } };
const BOX = { name: 'box', ...IN_DEFAULT };
const OF_BOX = { sandbox: 'box', ...IN_DEFAULT };

/** What is about nobody's records. */
const ABOUT_NONE = new Set(['Health', 'GetCurrentUser', 'GetGatewayInfo', 'GetGatewayConfig']);

test('every method of both generations that is about a record asks whether its caller may', async (t) => {
  const folder = tempFolder();
  const engine = createFakeEngine();
  let mayNothing = false;
  const asked: Target[] = [];
  const { client, close } = await startTestGateway(folder.path, [engine.entry()], {
    rule: (_, target) => {
      asked.push(target);
      if (mayNothing) {
        throw new OpenShellError(Code.PERMISSION_DENIED, 'not you');
      }
    },
  });
  t.after(async () => {
    await close();
    folder.remove();
  });
  const { sandbox } = await client.unary(v01.createSandbox, BOX);
  const id = sandbox?.metadata?.id ?? '';
  await client.unary(v01.createWorkspace, { name: 'other' });
  await client.unary(v01.createSandboxTemplate, {
    template: { metadata: { name: 't' }, spec: { workload: { image: 'test:1' } } },
    ...IN_DEFAULT,
  });
  await eventually('ready', async () => {
    const found = await client.unary(v01.getSandbox, BOX);
    return found.sandbox?.status?.phase === SandboxPhase.READY;
  });

  const calls: [string, () => Promise<unknown>][] = [];
  const unary = <M extends MethodShape>(generation: string, method: M, ...requests: object[]) => {
    for (const request of requests) {
      calls.push([`${method.name} ${generation}`, () => client.unary(method as never, request as never)]);
    }
  };
  const stream = <M extends MethodShape>(generation: string, method: M, request: object) =>
    calls.push([
      `${method.name} ${generation}`,
      async () => {
        for await (const _ of client.serverStream(method as never, request as never)) {
        }
      },
    ]);
  unary('0.0', v00.createSandbox, { name: 'more' });
  unary('0.0', v00.listSandboxes, {}, { workspace: 'default' }, { allWorkspaces: true });
  for (const method of [v00.getSandbox, v00.stopSandbox, v00.startSandbox, v00.deleteSandbox]) {
    unary('0.0', method, { name: 'box' }, { name: 'none' });
  }
  unary('0.0', v00.getSandboxLogs, { sandboxId: id });
  unary('0.0', v00.getSandboxConfig, { sandboxId: id });
  unary('0.0', v00.listWorkspaces, { limit: 10 });
  stream('0.0', v00.watchSandbox, { id });
  stream('0.0', v00.execSandbox, { sandboxId: id, command: ['true'] });
  calls.push([
    'ExecSandboxInteractive 0.0',
    async () => {
      const call = client.duplex(v00.execSandboxInteractive);
      await call.send({ payload: { case: 'start', value: { sandboxId: id, command: ['true'] } } });
      for await (const _ of call.responses) {
      }
    },
  ]);
  unary('0.1', v01.createSandbox, { name: 'more', ...IN_DEFAULT });
  unary('0.1', v01.listSandboxes, { ...IN_DEFAULT, pageSize: 5 }, { ...IN_ALL, pageSize: 5 });
  for (const method of [v01.getSandbox, v01.stopSandbox, v01.startSandbox, v01.deleteSandbox]) {
    unary('0.1', method, BOX, { ...BOX, name: 'none' });
  }
  unary('0.1', v01.getSandboxLogs, OF_BOX);
  unary('0.1', v01.getSandboxConfig, BOX);
  unary('0.1', v01.listWorkspaces, { pageSize: 10 });
  unary('0.1', v01.createWorkspace, { name: 'third' });
  unary('0.1', v01.getWorkspace, { name: 'other' });
  unary('0.1', v01.deleteWorkspace, { name: 'other' });
  unary('0.1', v01.createSandboxTemplate, {
    template: { metadata: { name: 'u' }, spec: { workload: { image: 'test:1' } } },
    ...IN_DEFAULT,
  });
  unary('0.1', v01.getSandboxTemplate, { name: 't', ...IN_DEFAULT });
  unary('0.1', v01.listSandboxTemplates, IN_DEFAULT, IN_ALL);
  unary('0.1', v01.deleteSandboxTemplate, { name: 't', ...IN_DEFAULT });
  stream('0.1', v01.watchSandbox, OF_BOX);
  stream('0.1', v01.execSandbox, { ...OF_BOX, command: ['true'] });
  calls.push([
    'ExecSandboxInteractive 0.1',
    async () => {
      const call = client.duplex(v01.execSandboxInteractive);
      await call.send({ payload: { case: 'start', value: { ...OF_BOX, command: ['true'] } } });
      for await (const _ of call.responses) {
      }
    },
  ]);

  mayNothing = true;
  for (const [what, call] of calls) {
    asked.length = 0;
    const answer = await call().then(
      () => 'let through',
      (error: ServiceError) => `${status[error.code]}: ${error.details}`,
    );
    assert.equal(answer, 'PERMISSION_DENIED: not you', what);
    assert.ok(asked.length > 0, what);
  }
  mayNothing = false;
  assert.equal((await client.unary(v01.getSandbox, BOX)).sandbox?.status?.phase, SandboxPhase.READY);
  assert.equal((await client.unary(v01.listSandboxes, { ...IN_ALL, pageSize: 9 })).sandboxes.length, 1);
  assert.equal((await client.unary(v01.listWorkspaces, { pageSize: 9 })).workspaces.length, 2);

  // None that is served was forgotten above.
  const tried = new Set(calls.map(([what]) => what.split(' ')[0] as string));
  for (const { name } of [...rpcs, ...oldRpcs]) {
    if (tried.has(name) || ABOUT_NONE.has(name)) {
      continue;
    }
    const method = { ...v01.getGatewayConfig, path: `/openshell.v1.OpenShell/${name}`, name };
    const answer = await client.unary(method as typeof v01.getGatewayConfig, {}).then(
      () => -1,
      (error: ServiceError) => error.code,
    );
    assert.ok(
      answer === status.UNIMPLEMENTED || answer === status.PERMISSION_DENIED || answer === status.INTERNAL,
      `${name}: ${answer}`,
    );
  }
});

test('what is changed is recorded with who did it, to what, and how it ended', async (t) => {
  const folder = tempFolder();
  const lines: LogFields[] = [];
  const log: Logger = { ...silentLogger, info: (_, fields) => void lines.push(fields ?? {}) };
  const { client, close } = await startTestGateway(folder.path, [createFakeEngine().entry()], { log });
  t.after(async () => {
    await close();
    folder.remove();
  });
  const { sandbox } = await client.unary(v01.createSandbox, BOX);
  await client.unary(v01.getSandbox, BOX);
  await client.unary(v01.createSandbox, BOX).catch(() => {});
  await client.unary(v01.deleteSandbox, BOX);
  const target = `default/${sandbox?.metadata?.id}`;
  const recorded = lines.filter(({ subject }) => subject !== undefined);
  assert.deepEqual(
    recorded.map(({ method, code, subject, provider, targets }) => [
      method,
      code,
      subject,
      provider,
      targets,
    ]),
    [
      ['CreateSandbox', status.OK, 'unauthenticated-local-dev', 'local_dev', 'default'],
      ['CreateSandbox', status.ALREADY_EXISTS, 'unauthenticated-local-dev', 'local_dev', 'default'],
      ['DeleteSandbox', status.OK, 'unauthenticated-local-dev', 'local_dev', target],
    ],
  );
  for (const { request_id: id } of recorded) {
    assert.match(String(id), /^[0-9a-f-]{36}$/);
  }
});
