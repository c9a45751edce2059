import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { dockerBed } from '../conformance/docker-bed.js';
import { skipWithout } from '../support/engines.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { eventually } from '../support/wait.js';
import { cli, type GatewayProcess, startGatewayProcess } from './process.js';

const DIST = resolve(import.meta.dirname, '../../dist');
const bed = dockerBed();
const skip = skipWithout('docker', await bed.unavailable());

describe("Docker's driver in a process of its own", { skip }, () => {
  const gatewayId = randomUUID();
  let folder: TempFolder;
  let socket: string;
  let hosted: ChildProcess;
  let gateway: GatewayProcess;

  const config = (table: string) => `
[openshell.gateway]
compute_drivers = ["docker"]
default_image = "${bed.images.shell}"
gateway_id = "${gatewayId}"
[openshell.drivers.docker]
${table}
`;
  const host = async () => {
    hosted = spawn(
      process.execPath,
      [
        join(DIST, 'drivers/docker/main.js'),
        '--bind-socket',
        socket,
        '--config',
        join(folder.path, 'host.toml'),
      ],
      { stdio: 'ignore' },
    );
    await eventually('the socket is there', () => stat(socket).catch(() => undefined));
  };

  before(async () => {
    folder = tempFolder();
    socket = join(folder.path, 'run', 'driver.sock');
    await writeFile(join(folder.path, 'host.toml'), config(''));
    await host();
    gateway = await startGatewayProcess({ folder: folder.path, config: config(`socket_path = "${socket}"`) });
  });
  after(async () => {
    await gateway?.stop();
    if (hosted.exitCode === null) {
      hosted.kill();
      await once(hosted, 'exit');
    }
    await bed.cleanup(gatewayId);
    folder.remove();
  });

  const openshell = (...args: string[]) => cli(gateway, folder.path, args);

  test('the socket is 0600 in a folder of 0700', async () => {
    assert.equal((await stat(socket)).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder.path, 'run'))).mode & 0o777, 0o700);
  });

  test('drivers --json shows it as external', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(DIST, 'main.js'),
      'drivers',
      '--json',
      '--config',
      join(folder.path, 'gateway.toml'),
    ]);
    const { drivers } = JSON.parse(stdout) as {
      drivers: { name: string; external: boolean; endpoint: string }[];
    };
    assert.deepEqual(
      drivers.filter(({ external }) => external).map(({ name, endpoint }) => [name, endpoint]),
      [['docker', socket]],
    );
  });

  test('the main job goes through it, and goes on after the driver process was restarted', async () => {
    const created = await openshell('sandbox', 'create', '--name', 'far', '--detach');
    assert.equal(created.exitCode, 0, created.stderr);
    const ran = await openshell('sandbox', 'exec', '-n', 'far', '--', 'sh', '-c', 'echo out; exit 3');
    assert.deepEqual([ran.stdout, ran.exitCode], ['out\n', 3]);
    hosted.kill('SIGKILL');
    await once(hosted, 'exit');
    await host();
    const again = await eventually('a command runs again', async () => {
      const result = await openshell('sandbox', 'exec', '-n', 'far', '--', 'echo', 'again');
      return result.exitCode === 0 && result.stdout;
    });
    assert.equal(again, 'again\n');
    assert.equal((await openshell('sandbox', 'delete', 'far')).exitCode, 0);
    await eventually('gone from the engine', async () => (await bed.objects(gatewayId)).length === 0);
  });

  test("an engine's own socket is told apart, and the error says which key to use", async () => {
    const other = join(folder.path, 'other');
    await mkdir(other);
    await assert.rejects(
      startGatewayProcess({ folder: other, config: config('socket_path = "/var/run/docker.sock"') }),
      /set engine_socket instead of socket_path/,
    );
  });
});
