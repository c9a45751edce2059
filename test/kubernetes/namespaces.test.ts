import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Code, failedPrecondition } from '../../dist/compute/errors.js';
import { silentLogger } from '../../dist/compute/log.js';
import { createKubernetesDriver } from '../../dist/drivers/kubernetes/driver.js';
import { createNames, type WorkspaceMode } from '../../dist/drivers/kubernetes/names.js';
import { createNamespaces, type Namespaces } from '../../dist/drivers/kubernetes/namespaces.js';
import { createNetworkPolicies } from '../../dist/drivers/kubernetes/network-policies.js';
import { driverContext } from '../support/driver-context.js';
import { answer, fakeApi, type Handler, refusal } from './fake-api.js';
import { defaults, GATEWAY } from './fixtures.js';

const { signal } = new AbortController();

const NAMES = createNames({ gatewayId: GATEWAY, mode: 'shared', namespace: 'boxes' });

async function open(
  t: TestContext,
  handler: Handler,
): Promise<{ namespaces: Namespaces; prepared(): number }> {
  const { rest, requests, close } = await fakeApi(handler);
  t.after(close);
  const policies = createNetworkPolicies({
    rest,
    names: NAMES,
    gatewayId: GATEWAY,
    egressExcept: [],
    log: silentLogger,
  });
  return {
    namespaces: createNamespaces({ rest, names: NAMES, gatewayId: GATEWAY, policies }),
    // Each time the policies are listed once, and then made.
    prepared: () => requests.filter(({ search }) => search !== '').length,
  };
}

const made: Handler = (url, response) =>
  answer(response, 200, url.search === '' ? {} : { metadata: {}, items: [] });
const missing = failedPrecondition("namespace 'boxes' does not exist", { reason: 'NamespaceMissing' });

describe('the namespace of sandboxes', () => {
  test('is prepared once', async (t) => {
    const { namespaces, prepared } = await open(t, made);
    await Promise.all(['a', 'b', 'c'].map((name) => namespaces.ensure(name, signal)));
    assert.equal(prepared(), 1);
  });

  test('that was removed meanwhile is prepared again, with its policy', async (t) => {
    const { namespaces, prepared } = await open(t, made);
    let attempts = 0;
    const result = await namespaces.within('team', signal, async () => {
      if (attempts++ === 0) {
        throw missing;
      }
      return 'made';
    });
    assert.deepEqual([result, attempts, prepared()], ['made', 2, 2]);
  });

  test('that stays away is told, after one more try', async (t) => {
    const { namespaces } = await open(t, made);
    let attempts = 0;
    const making = namespaces.within('team', signal, async () => {
      attempts++;
      throw missing;
    });
    await assert.rejects(making, { reason: 'NamespaceMissing' });
    assert.equal(attempts, 2);
  });

  test('that was never there is told with what to do', async (t) => {
    const { namespaces } = await open(t, (url, response) =>
      url.search === '' ? answer(response, 404, refusal(404, 'NotFound')) : made(url, response, 'GET'),
    );
    await assert.rejects(namespaces.ensure('team', signal), {
      code: Code.FAILED_PRECONDITION,
      message: "namespace 'boxes' does not exist",
      hint: /create it/,
    });
  });

  test('is prepared for all who wait, also when the first of them gives up', async (t) => {
    let release = () => {};
    const { namespaces, prepared } = await open(t, (url, response, method) => {
      if (method === 'POST') {
        return made(url, response, method);
      }
      release = () => made(url, response, method);
    });
    const giving = new AbortController();
    const first = namespaces.ensure('team', giving.signal);
    const second = namespaces.ensure('team', signal);
    giving.abort(new Error('the user deleted it'));
    await assert.rejects(first, /the user deleted it/);
    while (prepared() === 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    release();
    await second;
    assert.equal(prepared(), 1);
  });
});

test('a workspace without a namespace of its own has nothing to be taken away', async (t) => {
  const { rest, close } = await fakeApi(made);
  t.after(close);
  const driverIn = (mode: WorkspaceMode) =>
    createKubernetesDriver(
      driverContext({ gatewayId: GATEWAY, settings: defaults({ workspace_mode: mode }) }),
      rest,
    );
  assert.equal(driverIn('shared').deleteWorkspace, undefined);
  assert.notEqual(driverIn('managed').deleteWorkspace, undefined);
});
