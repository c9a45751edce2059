import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeConfig, showConfig } from '../../dist/config/show.js';
import { createHome } from './support.js';

const { load } = createHome();

test('every effective value is shown with its origin, secrets masked', async () => {
  const loaded = await load({
    argv: ['--port', '1', '--db-url', 'sqlite:/d.db'],
    env: { OPENSHELL_LOG_LEVEL: 'warn' },
    files: {
      'gateway.toml':
        '[openshell.gateway]\ncompute_drivers = ["docker"]\nbind_address = "127.0.0.2"\n[openshell.drivers.docker]\ntoken = "hush"\nproxy.url = "u"\n[openshell.drivers.vm]\npassword = "hush"\n',
    },
  });
  const path = loaded.sources.file?.path;
  const text = showConfig(loaded).replaceAll(String(path), 'FILE');
  assert.equal(
    text,
    [
      '--config = "FILE"  # default',
      'openshell.gateway.bind_address = "127.0.0.2:1"  # file FILE:3, flag --port',
      'openshell.gateway.log_level = "warn"  # env OPENSHELL_LOG_LEVEL',
      'openshell.gateway.compute_drivers = ["docker"]  # file FILE:2',
      'openshell.gateway.sandbox_namespace = "default"  # default',
      'openshell.gateway.max_operations = 16  # default',
      'openshell.gateway.max_pending_creates = 1024  # default',
      '--db-url = "sqlite:/d.db"  # flag --db-url',
      'openshell.gateway.disable_tls = false  # default',
      'openshell.gateway.auth.allow_unauthenticated_users = false  # default',
      'openshell.gateway.http_allowed_hosts = []  # default',
      'openshell.gateway.limits.max_connections = 1024  # default',
      'openshell.gateway.limits.max_connections_per_address = 512  # default',
      'openshell.gateway.limits.max_streams_per_user = 1000  # default',
      'openshell.gateway.limits.stalled_stream_secs = 600  # default',
      'openshell.telemetry.enabled = true  # default',
      'openshell.drivers.docker.pids_limit = 2048  # default',
      'openshell.drivers.docker.allow_binds = false  # default',
      'openshell.drivers.docker.pull = "missing"  # default',
      'openshell.drivers.docker.registries = []  # default',
      'openshell.drivers.docker.token = "***"  # file FILE:5',
      'openshell.drivers.docker.proxy.url = "u"  # file FILE:6',
      'openshell.drivers.docker.proxy.retries = 3  # default',
      'openshell.drivers.vm.password = "***"  # file FILE:8, not checked',
      '',
    ].join('\n'),
  );
});

test('what is not set is described as such', async () => {
  const rows = describeConfig(await load({}));
  const image = rows.find(({ key }) => key === 'openshell.gateway.default_image');
  assert.deepEqual(image, { key: 'openshell.gateway.default_image', value: undefined, origin: 'default' });
});
