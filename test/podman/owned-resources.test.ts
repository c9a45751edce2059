import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Code, OpenShellError } from '../../dist/compute/errors.js';
import type { PodmanClient } from '../../dist/drivers/podman/api/client.js';
import { engineError } from '../../dist/drivers/podman/api/fault.js';
import type { Plan } from '../../dist/drivers/podman/container-spec.js';
import { makeNetwork } from '../../dist/drivers/podman/owned-resources.js';

const plan = { network: 'a-net', labels: {} } as unknown as Plan;
const signal = AbortSignal.timeout(60_000);

/** Fails with each of these in turn, then succeeds; tells how often it was asked. */
function failing(...failures: OpenShellError[]) {
  let asked = 0;
  const createNetwork = async () => {
    const failure = failures[asked++];
    if (failure !== undefined) {
      throw failure;
    }
  };
  return { client: { createNetwork } as unknown as PodmanClient, asked: () => asked };
}

function interfaceGone() {
  return engineError(500, '{"message":"route ip+net: no such network interface"}');
}

test('a network is made again when an interface of another one goes meanwhile', async () => {
  const { client, asked } = failing(interfaceGone(), interfaceGone());
  await makeNetwork(client, plan, { signal });
  assert.equal(asked(), 3);
});

test('a network that still cannot be made fails with the reason', async () => {
  const { client, asked } = failing(...Array.from({ length: 100 }, interfaceGone));
  await assert.rejects(makeNetwork(client, plan, { signal }), { message: /no such network interface/ });
  assert.equal(asked(), 10);
});

test('a network that stands is as good, and any other failure is one', async () => {
  await makeNetwork(failing(new OpenShellError(Code.ALREADY_EXISTS, 'there')).client, plan, { signal });
  const { client, asked } = failing(engineError(500, '{"message":"no free subnet"}'));
  await assert.rejects(makeNetwork(client, plan, { signal }), { code: Code.INTERNAL });
  assert.equal(asked(), 1);
});
