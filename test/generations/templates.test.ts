import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { methods as v00 } from '../../dist/wire/v00/index.js';
import { DeletionOutcome, SandboxPhase, methods as v01 } from '../../dist/wire/v01/index.js';
import { everywhere, here, inPhase, inWorkspace, serveEachTest } from './served.js';

const served = serveEachTest();
const call: typeof served.gateway.client.unary = (...args) => served.gateway.client.unary(...args);

function template(name: string, workload: object = {}, more: object = {}) {
  return {
    template: {
      metadata: { name, labels: { of: 'test' } },
      spec: {
        workload: { image: 'kept:1', environment: { A: 'template', B: 'template' }, ...workload },
        ...more,
      },
    },
    ...here,
  };
}

test('a template comes back as it was made, also after a restart, in its workspace only', async () => {
  const resources = { cpu: '500m', memory: '64Mi', gpu: { count: 2 } };
  const more = { driverConfig: { fake: { network: 'none' } } };
  const { template: made } = await call(v01.createSandboxTemplate, template('t', { resources }, more));
  await served.restart();
  const { template: found } = await call(v01.getSandboxTemplate, { name: 't', ...here });
  assert.deepEqual(found, made);
  assert.deepEqual({ ...found?.spec?.workload?.resources?.gpu }.count, 2);
  assert.deepEqual(found?.spec?.driverConfig, more.driverConfig);
  await call(v01.createWorkspace, { name: 'team' });
  await assert.rejects(call(v01.getSandboxTemplate, { name: 't', ...inWorkspace('team') }), {
    code: status.NOT_FOUND,
  });
  await assert.rejects(call(v01.createSandboxTemplate, template('t')), { code: status.ALREADY_EXISTS });
});

test('templates are listed in pages, by label, of one workspace or all', async () => {
  for (const name of ['a', 'b', 'c']) {
    await call(v01.createSandboxTemplate, template(name));
  }
  const list = async (more: object) => {
    const { templates, nextPageToken } = await call(v01.listSandboxTemplates, { pageSize: 2, ...more });
    return { names: templates.map(({ metadata }) => metadata?.name), nextPageToken };
  };
  const first = await list({ ...here, labelSelector: 'of=test' });
  assert.deepEqual(first.names, ['a', 'b']);
  const pageToken = first.nextPageToken;
  assert.deepEqual((await list({ ...here, labelSelector: 'of=test', pageToken })).names, ['c']);
  assert.deepEqual((await list(everywhere)).names, ['a', 'b']);
  await assert.rejects(call(v01.listSandboxes, { ...here, pageToken }), { code: status.INVALID_ARGUMENT });
});

test('a sandbox from a template has its workload, and the own environment wins', async () => {
  const resources = { cpu: '500m', memory: '64Mi' };
  await call(v01.createSandboxTemplate, template('t', { resources }));
  await call(v01.createSandbox, {
    name: 'a',
    workloadTemplate: 't',
    spec: { environment: { B: 'own' }, command: ['work'] },
    ...here,
  });
  const sandbox = await inPhase(served, 'a', SandboxPhase.READY);
  assert.equal(sandbox.spec?.template?.image, 'kept:1');
  assert.deepEqual({ ...sandbox.spec?.environment }, { A: 'template', B: 'own' });
  assert.deepEqual(sandbox.spec?.template?.resources, { limits: resources });
  assert.deepEqual(
    [sandbox.createdFromWorkloadTemplate?.name, sandbox.createdFromWorkloadTemplate?.resourceVersion],
    ['t', '1'],
  );
  const [resource] = served.engine.resources.values();
  assert.equal(resource?.sandbox.spec.template.resources.cpuLimit, '500m');
  assert.equal((await call(v00.getSandbox, { name: 'a' })).sandbox?.spec?.template?.image, 'kept:1');

  await call(v01.deleteSandboxTemplate, { name: 't', ...here });
  const { sandbox: after } = await call(v01.getSandbox, { name: 'a', ...here });
  assert.equal(after?.createdFromWorkloadTemplate?.name, 't');
});

test('a template beside a workload of its own, an unknown one and a bad one are refused by field', async () => {
  await call(v01.createSandboxTemplate, template('t'));
  const from = (workloadTemplate: string, spec = {}) =>
    call(v01.createSandbox, { name: 'a', workloadTemplate, spec, ...here });
  await assert.rejects(from('t', { template: { image: 'other:1' } }), {
    code: status.INVALID_ARGUMENT,
    details: /workload_template/,
  });
  await assert.rejects(from('none'), { code: status.NOT_FOUND, details: /template 'none' not found/ });
  const bad = (workload: object, more: object, details: RegExp) =>
    assert.rejects(call(v01.createSandboxTemplate, template('bad', workload, more)), { details });
  await bad({ resources: { cpu: 'much' } }, {}, /workload\.resources\.cpu/);
  await bad({ image: 'a b' }, {}, /workload\.image/);
  await bad({ environment: { '1': 'x' } }, {}, /workload\.environment/);
  await bad({}, { desiredServiceLevel: {} }, /desired_service_level/);
  await assert.rejects(call(v01.createSandboxTemplate, { template: { metadata: { name: 'x' } }, ...here }), {
    code: status.INVALID_ARGUMENT,
    details: 'template.spec.workload is required',
  });
});

test('a template is deleted at once; one that is not there may be allowed', async () => {
  await call(v01.createSandboxTemplate, template('t'));
  const remove = (allowMissing: boolean) =>
    call(v01.deleteSandboxTemplate, { name: 't', allowMissing, ...here });
  assert.equal((await remove(false)).outcome, DeletionOutcome.COMPLETED);
  assert.equal((await remove(true)).outcome, DeletionOutcome.ALREADY_ABSENT);
  await assert.rejects(remove(false), { code: status.NOT_FOUND });
});

test('a workspace takes its templates with it', async () => {
  await call(v01.createWorkspace, { name: 'team' });
  await call(v01.createSandboxTemplate, { ...template('t'), ...inWorkspace('team') });
  await call(v00.deleteWorkspace, { name: 'team' });
  await call(v01.createWorkspace, { name: 'team' });
  const { templates } = await call(v01.listSandboxTemplates, inWorkspace('team'));
  assert.deepEqual(templates, []);
});
