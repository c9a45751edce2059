import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { discover } from '../../dist/drivers/podman/discover.js';
import { tempFolder } from '../support/folder.js';

const signal = AbortSignal.timeout(60_000);

describe('where Podman is looked for', () => {
  const { path: folder, remove } = tempFolder();
  const servers: (net.Server | http.Server)[] = [];
  after(() => {
    for (const server of servers) {
      server.close();
    }
    remove();
  });

  const listen = async (server: net.Server, path: string) => {
    servers.push(server);
    await mkdir(dirname(path), { recursive: true });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return path;
  };
  const engine = (path: string, headers: Record<string, string>) =>
    listen(
      http.createServer((_request, reply) => reply.writeHead(200, headers).end('OK')),
      path,
    );
  const podman = (path: string, version = '4.3.1') => engine(path, { 'libpod-api-version': version });
  const options = (env: Record<string, string | undefined> = {}, configured?: string) => ({
    configured,
    env: { PATH: '', ...env },
    signal,
    // Nobody's, so that no real socket of this machine is found.
    uid: 4_000_000_000,
    home: folder,
  });
  const reasonOf = async (...args: Parameters<typeof options>) => {
    const found = await discover(options(...args));
    assert.ok('reason' in found, JSON.stringify(found));
    return found;
  };

  test('the configured socket is the only one tried', async () => {
    const path = await podman(join(folder, 'configured.sock'));
    assert.deepEqual(await discover(options({ OPENSHELL_PODMAN_SOCKET: '/nowhere' }, path)), {
      socketPath: path,
      apiVersion: '4.3.1',
      version: '4.3.1',
    });
    const { tried } = await reasonOf({ OPENSHELL_PODMAN_SOCKET: path }, join(folder, 'absent.sock'));
    assert.deepEqual(tried, [`${join(folder, 'absent.sock')}: no such socket`]);
  });

  test('then OPENSHELL_PODMAN_SOCKET, also as a URL, and nothing beside it', async () => {
    const path = await podman(join(folder, 'variable.sock'), '5.2.0');
    const found = await discover(options({ OPENSHELL_PODMAN_SOCKET: `unix://${path}` }));
    assert.equal('socketPath' in found && found.socketPath, path);
    const { tried } = await reasonOf({ OPENSHELL_PODMAN_SOCKET: '/nowhere', XDG_RUNTIME_DIR: folder });
    assert.equal(tried.length, 1);
  });

  test('then the user’s runtime folder, then the machine of a desktop', async () => {
    const machine = await podman(join(folder, '.local/share/containers/podman/machine/podman.sock'));
    const first = await discover(options({ XDG_RUNTIME_DIR: join(folder, 'run') }));
    const system = 'socketPath' in first ? first.socketPath : '';
    assert.ok([machine, '/run/podman/podman.sock'].includes(system));
    const own = await podman(join(folder, 'run', 'podman/podman.sock'));
    const second = await discover(options({ XDG_RUNTIME_DIR: join(folder, 'run') }));
    assert.equal('socketPath' in second && second.socketPath, own);
  });

  test('who answers but is not Podman', async () => {
    const other = await engine(join(folder, 'other.sock'), { 'api-version': '1.41' });
    const { reason } = await reasonOf({}, other);
    assert.match(reason, /something answers, but it is not Podman \(status 200\)/);
    const noise = await listen(
      net.createServer((socket) => socket.end('not http\r\n\r\n')),
      join(folder, 'noise.sock'),
    );
    assert.match((await reasonOf({}, noise)).reason, /not HTTP/);
  });

  test('a Podman that is too old', async () => {
    const { reason } = await reasonOf({}, await podman(join(folder, 'old.sock'), '3.4.4'));
    assert.match(reason, /Podman 3\.4\.4 is too old: 4\.3 or later is needed/);
  });

  test('a socket that nobody listens on: how to start the service', async () => {
    const path = join(folder, 'left.sock');
    await writeFile(path, '');
    const bin = join(folder, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'podman'), '');
    await chmod(join(bin, 'podman'), 0o755);
    const found = await reasonOf({ PATH: `/nowhere:${bin}` }, path);
    assert.deepEqual(found.tried, [`${path}: nothing listens on it`]);
    assert.match(
      found.reason,
      /service is not running: start it with 'systemctl --user enable --now podman\.socket'/,
    );
    assert.ok(found.reason.includes(`podman system service --time 0 unix://${path}`));
  });

  test('no podman at all', async () => {
    const { reason } = await reasonOf({}, join(folder, 'absent.sock'));
    assert.match(reason, /install podman, or set OPENSHELL_PODMAN_SOCKET/);
  });

  test('one that accepts and says nothing is given up within its second', async () => {
    const silent = await listen(
      net.createServer(() => {}),
      join(folder, 'silent.sock'),
    );
    const { tried } = await reasonOf({}, silent);
    assert.deepEqual(tried, [`${silent}: no answer within a second`]);
  });
});
