import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHome } from './support.js';

const { load } = createHome();

function loadToml(text: string) {
  return load({ files: { 'gateway.toml': text } });
}

test('a driver of the build has settings without a table, too', async () => {
  const { config } = await load({});
  const docker = config.drivers.get('docker');
  assert.equal(docker?.socketPath, undefined);
  assert.deepEqual(
    { ...docker?.settings, proxy: { ...(docker?.settings.proxy as object) } },
    { pids_limit: 2048, allow_binds: false, pull: 'missing', registries: [], proxy: { retries: 3 } },
  );
});

test('its table is checked and filled in', async () => {
  const { config, warnings } = await loadToml(
    '[openshell.drivers.docker]\nengine_socket = "/e.sock"\nsocket_path = "/d.sock"\npids_limit = 7\nproxy.url = "u"\n',
  );
  const docker = config.drivers.get('docker');
  assert.deepEqual(warnings, []);
  assert.equal(docker?.socketPath, '/d.sock');
  assert.equal(docker?.settings.engine_socket, '/e.sock');
  assert.equal('socket_path' in (docker?.settings ?? {}), false);
  assert.deepEqual({ ...(docker?.settings.proxy as object) }, { url: 'u', retries: 3 });
});

test('it takes the default image of the gateway unless it has its own', async () => {
  const image = async (text: string) =>
    (await loadToml(text)).config.drivers.get('docker')?.settings.default_image;
  const gateway = '[openshell.gateway]\ndefault_image = "a"\n';
  assert.equal(await image(gateway), 'a');
  assert.equal(await image(`${gateway}[openshell.drivers.docker]\ndefault_image = "b"\n`), 'b');
});

test('the table of a known driver that is not built is kept with a warning', async () => {
  const { config, warnings } = await loadToml(
    '[openshell.drivers.vm]\nanything = [1]\nsocket_path = "/v.sock"\n',
  );
  assert.deepEqual(warnings, ['[openshell.drivers.vm] is not checked: the driver vm is not in this build']);
  const vm = config.drivers.get('vm');
  assert.deepEqual(vm?.settings.anything, [1]);
  assert.equal(vm?.socketPath, '/v.sock');
});

test('a driver that is not ours has a socket', async () => {
  const { config } = await loadToml('[openshell.drivers.firecracker]\nsocket_path = "/f.sock"\n');
  assert.deepEqual(config.drivers.get('firecracker'), { settings: {}, socketPath: '/f.sock' });
});
