import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import { unavailable } from '../../dist/compute/errors.js';
import type { GatewayConfig } from '../../dist/config/gateway-config.js';
import { printDrivers } from '../../dist/gateway/program/drivers.js';
import type { ProcessOptions } from '../../dist/gateway/program/options.js';

const config = {
  computeDrivers: [],
  drivers: new Map([['acme', { settings: {}, socketPath: '/run/acme.sock' }]]),
} as unknown as GatewayConfig;

async function acme(connectExternal: ProcessOptions['connectExternal']) {
  const options: ProcessOptions = {
    flavor: { name: 'edge', drivers: [], stores: [], telemetry: undefined },
    build: 'test',
    argv: [],
    env: {},
    connectExternal,
    buildWarnings: [],
  };
  const { drivers } = JSON.parse(await printDrivers(options, config, true));
  return drivers.find(({ name }: { name: string }) => name === 'acme');
}

test('drivers: one in another process is ready when it answers, with its version', async () => {
  let closed = 0;
  const driver = {
    capabilities: async () => ({ driverName: 'acme', driverVersion: '7' }),
    close: async () => {
      closed++;
    },
  } as unknown as ComputeDriver;
  const report = await acme(async () => driver);
  assert.deepEqual([report.state, report.engine_version, report.external], ['ready', '7', true]);
  assert.equal(closed, 1);
});

test('drivers: one in another process that does not answer is unavailable, with the reason', async () => {
  const report = await acme(() => Promise.reject(unavailable('nobody listens')));
  assert.deepEqual([report.state, report.reason], ['unavailable', 'nobody listens']);
});
