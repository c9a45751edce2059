import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { observedState } from '../../dist/compute/conditions.js';
import { ownerLabels } from '../../dist/compute/labels.js';
import { createKubernetesDriver } from '../../dist/drivers/kubernetes/driver.js';
import { driverContext } from '../support/driver-context.js';
import { answer, fakeApi } from './fake-api.js';
import { defaults, GATEWAY, podWith } from './fixtures.js';

const TIMEOUT_S = 300;

/** The state of a Pod of this age that no node takes, when the server's clock is this much ahead of ours. */
async function stateOf(t: TestContext, skewS: number, ageS: number) {
  const serverNow = () => Date.now() + skewS * 1000;
  const pod = {
    ...podWith(
      {
        phase: 'Pending',
        conditions: [
          { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' },
        ],
      },
      {
        creationTimestamp: new Date(serverNow() - ageS * 1000).toISOString(),
        labels: ownerLabels(
          { gatewayId: GATEWAY, version: '0' },
          { id: 'id-1', name: 'box', workspace: 'team', namespace: 'default' },
        ),
      },
    ),
  };
  const { rest, close } = await fakeApi((url, response) =>
    answer(
      response,
      200,
      { metadata: {}, items: url.pathname.endsWith('/pods') ? [pod] : [] },
      { Date: new Date(serverNow()).toUTCString() },
    ),
  );
  t.after(close);
  const driver = createKubernetesDriver(
    driverContext({ gatewayId: GATEWAY, settings: defaults({ schedule_timeout_secs: TIMEOUT_S }) }),
    rest,
  );
  const [seen] = await driver.list({ signal: t.signal });
  assert.ok(seen);
  return observedState(seen.status).kind;
}

describe("a Pod that waits for a node, by the API server's clock", () => {
  for (const skewS of [-86_400, -TIMEOUT_S - 10, 0, TIMEOUT_S + 10, 86_400]) {
    test(`which is ${skewS} s ahead of ours`, async (t) => {
      assert.equal(await stateOf(t, skewS, 10), 'provisioning');
      assert.equal(await stateOf(t, skewS, TIMEOUT_S + 10), 'failed');
    });
  }
});
