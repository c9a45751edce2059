import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import docker from '../../dist/drivers/docker/entry.js';
import { tempFolder } from '../support/folder.js';

const { path: folder, remove } = tempFolder();
const servers: { close(): void }[] = [];
after(() => {
  for (const server of servers) {
    server.close();
  }
  remove();
});

function listening<S extends Server | ReturnType<typeof createSocketServer>>(server: S, path: string) {
  return new Promise<string>((resolve) => {
    servers.push(server);
    server.listen(path, () => resolve(path));
  });
}

async function engine(name: string, answer: RequestListener): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  return listening(createServer(answer), path);
}

const asDocker: RequestListener = (_, res) => {
  res.setHeader('Api-Version', '1.41').setHeader('Server', 'Docker/20.10.24 (linux)').end('OK');
};
const asPodman: RequestListener = (_, res) => {
  res.setHeader('Api-Version', '1.41').setHeader('Libpod-Api-Version', '4.3.1').end('OK');
};

function probe(settings: Record<string, unknown>, env: Record<string, string> = {}) {
  return docker.probe({ settings, env, signal: AbortSignal.timeout(10_000) });
}

async function reasonOf(...args: Parameters<typeof probe>): Promise<string> {
  const result = await probe(...args);
  assert.equal(result.state, 'unavailable');
  return result.state === 'unavailable' ? result.reason : '';
}

/** Root may open everything, so it is somebody else meanwhile. */
async function withoutRights<T>(body: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) {
    process.seteuid?.(65_534);
  }
  try {
    return await body();
  } finally {
    if (isRoot) {
      process.seteuid?.(0);
    }
  }
}

test('a socket that this user may not open is told with the group to join', async () => {
  await chmod(folder, 0o755);
  const path = await engine('closed/.docker/run/docker.sock', asDocker);
  await chmod(path, 0o000);
  const home = join(folder, 'closed');
  const env = { XDG_RUNTIME_DIR: '/nowhere' };
  const closed = await withoutRights(() => reasonOf({ engine_socket: path }, env));
  assert.match(closed, /which may not be opened by this user; add the user to the socket's group/);
  const found = await withoutRights(() => probe({}, { ...env, HOME: home }));
  // A machine with an engine of its own, which this user may open or not.
  const where = JSON.stringify(found);
  assert.match(where, /"state":"ready"|may not be opened by this user; add the user to the socket's group/);
});

test('engine_socket is taken before DOCKER_HOST', async () => {
  const one = await engine('one.sock', asDocker);
  const two = await engine('two.sock', asDocker);
  const env = { DOCKER_HOST: `unix://${two}` };
  assert.deepEqual(await probe({ engine_socket: one }, env), {
    state: 'ready',
    endpoint: one,
    engineVersion: '20.10.24',
  });
  assert.equal((await probe({}, env)).state, 'ready');
});

test('a place that was named and is dead is not passed over', async () => {
  const live = await engine('home/.docker/run/docker.sock', asDocker);
  const env = { HOME: join(folder, 'home') };
  const dead = join(folder, 'nothing.sock');
  assert.match(
    await reasonOf({ engine_socket: dead }, env),
    /engine_socket names .*nothing\.sock, which does not exist/,
  );
  assert.match(await reasonOf({}, { ...env, DOCKER_HOST: `unix://${dead}` }), /DOCKER_HOST names/);
  assert.ok(live);
});

test('the place of Docker Desktop and of rootless Docker', async () => {
  const desktop = await engine('desktop/.docker/run/docker.sock', asDocker);
  const rootless = await engine('run/docker.sock', asDocker);
  for (const [env, expected] of [
    [{ HOME: join(folder, 'desktop') }, desktop],
    [{ XDG_RUNTIME_DIR: join(folder, 'run') }, rootless],
  ] as const) {
    const result = await probe({}, env);
    assert.equal(result.state, 'ready');
    // Where the machine has an engine of its own, that one comes first.
    assert.ok(result.state === 'ready' && [expected, '/var/run/docker.sock'].includes(result.endpoint));
  }
});

test("Podman's socket is told apart", async () => {
  const podman = await engine('podman.sock', asPodman);
  assert.match(await reasonOf({ engine_socket: podman }), /is the socket of Podman, not of Docker/);
});

test('what is no engine says what it is', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  assert.match(await reasonOf({ engine_socket: file }), /is no socket/);
  const other = await engine('other.sock', (_, res) => void res.end('hello'));
  assert.match(await reasonOf({ engine_socket: other }), /not as a Docker engine does/);
  const sick = await engine('sick.sock', (_, res) => void res.writeHead(500).end());
  assert.match(await reasonOf({ engine_socket: sick }), /HTTP 500/);
  const mute = await listening(
    createSocketServer((socket) => void socket.on('error', () => {})),
    join(folder, 'mute.sock'),
  );
  assert.match(await reasonOf({ engine_socket: mute }), /does not answer a ping/);
});

test('DOCKER_HOST over the network is refused by name', async () => {
  assert.match(await reasonOf({}, { DOCKER_HOST: 'tcp://10.0.0.1:2375' }), /DOCKER_HOST is tcp:.*only unix:/);
});

test('the probe ends with its signal', async () => {
  const mute = await listening(
    createSocketServer((socket) => void socket.on('error', () => {})),
    join(folder, 'mute-too.sock'),
  );
  const result = await docker.probe({
    settings: { engine_socket: mute },
    env: {},
    signal: AbortSignal.abort(),
  });
  assert.equal(result.state, 'unavailable');
});
