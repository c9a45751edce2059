import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DriverSandbox } from '../../dist/compute/sandbox.js';
import { fromDriverSandbox, toDriverSandbox } from '../../dist/remote/messages.js';
import { driverMethods } from '../../dist/wire/compute/index.js';

test('a driver in another process is asked for a sandbox with every field that the gateway gives', () => {
  const sandbox: DriverSandbox = {
    id: 'id',
    name: 'box',
    workspace: 'team',
    namespace: 'tenant',
    spec: {
      logLevel: 'debug',
      environment: { A: '1' },
      template: {
        image: 'image',
        labels: { of: 'template' },
        environment: { B: '2' },
        resources: { cpuRequest: '1', cpuLimit: '2', memoryRequest: '1Gi', memoryLimit: '2Gi' },
        platformConfig: { host_users: false },
        driverConfig: { secrets: ['s'] },
      },
      gpu: { count: 2 },
      command: ['sleep', '9'],
      tty: true,
    },
  };
  const { createSandbox } = driverMethods;
  const bytes = createSandbox.encodeRequest({ sandbox: fromDriverSandbox(sandbox) });
  const received = createSandbox.decodeRequest(bytes).sandbox;
  assert.ok(received);
  assert.deepEqual(toDriverSandbox(received), sandbox);
});
