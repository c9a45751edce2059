import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { showConfig } from '../../dist/config/show.js';
import type { StoreEntry } from '../../dist/store/entry.js';
import { createHome } from './support.js';

const { load } = createHome();

const file = { 'gateway.toml': '[openshell.gateway]\nlog_level = "warn"\ncompute_drivers = ["vm"]\n' };

test('without anything set, the defaults count', async () => {
  const { config, warnings } = await load({});
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    { ...config, drivers: undefined },
    {
      adoptDatabase: undefined,
      bindAddress: { host: '127.0.0.1', port: 17670 },
      healthBindAddress: undefined,
      metricsBindAddress: undefined,
      logLevel: 'info',
      computeDrivers: [],
      drivers: undefined,
      sandboxNamespace: 'default',
      defaultImage: undefined,
      maxOperations: 16,
      maxPendingCreates: 1_024,
      gatewayId: undefined,
      secretKeyPath: '/state/openshell/gateway/secret.key',
      database: {
        scheme: 'sqlite',
        url: 'sqlite:/state/openshell/gateway/openshell.db',
        shown: 'sqlite:/state/openshell/gateway/openshell.db',
        path: '/state/openshell/gateway/openshell.db',
      },
      tls: undefined,
      allowUnauthenticatedUsers: false,
      httpAllowedHosts: [],
      limits: {
        connections: 1024,
        connectionsPerAddress: 512,
        streamsPerUser: 1000,
        stalledMs: 600_000,
      },
      telemetry: { enabled: true, endpoint: undefined },
    },
  );
});

test('a flag wins over the environment, that over the file, and the file over the default', async () => {
  const env = { OPENSHELL_LOG_LEVEL: 'error' };
  const argv = ['--log-level', 'debug'];
  assert.equal((await load({ files: file })).config.logLevel, 'warn');
  assert.equal((await load({ files: file, env })).config.logLevel, 'error');
  assert.equal((await load({ files: file, env, argv })).config.logLevel, 'debug');
});

test('a blank environment variable counts as not set', async () => {
  const { config } = await load({ files: file, env: { OPENSHELL_LOG_LEVEL: ' ', OPENSHELL_DRIVERS: '' } });
  assert.equal(config.logLevel, 'warn');
  assert.deepEqual(config.computeDrivers, ['vm']);
});

test('a list replaces the one of lower rank; a flag may be given several times', async () => {
  const env = { OPENSHELL_DRIVERS: 'podman, kubernetes' };
  assert.deepEqual((await load({ files: file, env })).config.computeDrivers, ['podman', 'kubernetes']);
  const argv = ['--drivers', ' Docker,vm', '--driver=podman'];
  assert.deepEqual((await load({ files: file, env, argv })).config.computeDrivers, [
    'docker',
    'vm',
    'podman',
  ]);
});

test('the file is the one named by flag or environment', async () => {
  const { config: byFlag } = await load({ argv: ['--config', 'test/config/data/one.toml'] });
  assert.equal(byFlag.sandboxNamespace, 'one');
  const { config: byEnv } = await load({ env: { OPENSHELL_GATEWAY_CONFIG: 'test/config/data/one.toml' } });
  assert.equal(byEnv.sandboxNamespace, 'one');
});

test('host and port of the API are ranked each on its own', async () => {
  const toml = (address: string) => ({
    'gateway.toml': `[openshell.gateway]\nbind_address = "${address}"\n`,
  });
  const bind = async (situation: Parameters<typeof load>[0]) => (await load(situation)).config.bindAddress;
  assert.deepEqual(await bind({ files: toml('127.0.0.2:9000'), argv: ['--port', '9001'] }), {
    host: '127.0.0.2',
    port: 9001,
  });
  assert.deepEqual(await bind({ files: toml('127.0.0.2:9000'), argv: ['--bind-address', '::1'] }), {
    host: '::1',
    port: 9000,
  });
  assert.deepEqual(await bind({ files: toml('127.0.0.2'), env: { OPENSHELL_BIND_ADDRESS: '[::1]:9002' } }), {
    host: '::1',
    port: 9002,
  });
  assert.deepEqual(
    await bind({ argv: ['--bind-address', '127.0.0.3:0'], env: { OPENSHELL_SERVER_PORT: '7' } }),
    {
      host: '127.0.0.3',
      port: 0,
    },
  );
});

test('health and metrics are off until they have a port, and stand on the API address unless they have their own', async () => {
  const files = { 'gateway.toml': '[openshell.gateway]\nhealth_bind_address = "127.0.0.9:81"\n' };
  const { config } = await load({ files, argv: ['--metrics-port', '82', '--bind-address', '127.0.0.8'] });
  assert.deepEqual(config.healthBindAddress, { host: '127.0.0.9', port: 81 });
  assert.deepEqual(config.metricsBindAddress, { host: '127.0.0.8', port: 82 });
  const off = await load({ files, env: { OPENSHELL_HEALTH_PORT: '0' } });
  assert.equal(off.config.healthBindAddress, undefined);
});

test('the database is a file named by a sqlite URL', async () => {
  const path = async (url: string) => (await load({ argv: ['--db-url', url] })).config.database.path;
  assert.equal(await path('sqlite:/a/b.db'), '/a/b.db');
  assert.equal(await path('sqlite:///a/b.db?mode=rwc'), '/a/b.db');
  assert.equal(await path('SQLITE:b.db'), resolve('b.db'));
  const { config } = await load({ env: { OPENSHELL_DB_URL: 'sqlite:/c.db' } });
  assert.equal(config.database.path, '/c.db');
});

test('the scheme chooses the store, whose part reads the URL; without that part it stays and is not shown', async () => {
  const argv = ['--db-url', 'Mine://u:secret@h/d'];
  const mine: StoreEntry = {
    kind: 'store',
    name: 'mine',
    schemes: ['mine', 'mines'],
    marker: 'mine',
    settings: {},
    parseUrl: (url) => ({ url: url.toLowerCase(), shown: 'mine://h/d', path: undefined }),
    load: () => Promise.reject(new Error('not loaded in this test')),
  };
  const chosen = await load({ argv, stores: [mine] });
  assert.deepEqual(chosen.config.database, {
    ...{ scheme: 'mine', url: 'mine://u:secret@h/d', shown: 'mine://h/d', path: undefined },
  });
  assert.match(showConfig(chosen), /^--db-url = "mine:\/\/h\/d" {2}# flag --db-url$/m);
  const absent = await load({ argv: ['--db-url', 'sqlite:rel.db'], stores: [mine] });
  assert.deepEqual(absent.config.database, {
    ...{ scheme: 'sqlite', url: 'sqlite:rel.db', shown: 'sqlite:...', path: undefined },
  });
});

test('telemetry is off by 0, false, no and off alone, and a blank endpoint is none', async () => {
  const enabled = async (text: string) =>
    (await load({ env: { OPENSHELL_TELEMETRY_ENABLED: text } })).config.telemetry.enabled;
  for (const word of ['0', ' false', 'NO', 'Off\n']) {
    assert.equal(await enabled(word), false, word);
  }
  for (const word of ['1', 'true', 'yes', '', 'disabled']) {
    assert.equal(await enabled(word), true, word);
  }
  const files = {
    'gateway.toml': '[openshell.telemetry]\nenabled = false\nendpoint = "https://a.example/"\n',
  };
  const fromFile = await load({ files });
  assert.deepEqual(fromFile.config.telemetry, { enabled: false, endpoint: 'https://a.example/' });
  const blank = await load({
    files,
    env: { OPENSHELL_TELEMETRY_ENDPOINT: ' ', OPENSHELL_TELEMETRY_ENABLED: '' },
  });
  assert.deepEqual(blank.config.telemetry, { enabled: false, endpoint: undefined });
});

test('TLS is on with certificates, unless it is disabled', async () => {
  const argv = ['--tls-cert', '/c', '--tls-key', '/k', '--tls-client-ca', '/a'];
  const { config } = await load({ argv });
  assert.deepEqual(config.tls, {
    certPath: '/c',
    keyPath: '/k',
    clientCaPath: '/a',
    clientCrlPath: undefined,
  });
  const off = await load({ argv, env: { OPENSHELL_DISABLE_TLS: 'yes' } });
  assert.equal(off.config.tls, undefined);
  assert.deepEqual(off.warnings, [
    'openshell.gateway.disable_tls is true: the certificates of openshell.gateway.tls are not used',
  ]);
});
