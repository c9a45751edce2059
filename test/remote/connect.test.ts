import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer, connect as dial } from 'node:net';
import { test } from 'node:test';
import type { ComputeDriver, PortConnection, SandboxAccess } from '../../dist/compute/driver.js';
import { Code, unavailable } from '../../dist/compute/errors.js';
import { listen } from '../support/listen.js';
import { toArray } from '../support/streams.js';
import { eventually } from '../support/wait.js';
import { throughSocket } from './hosted.js';

const REF = { id: 'a', name: 'a', workspace: 'default' };

/** Its sandbox's loopback address is this process's own. */
const connecting: SandboxAccess['connect'] = async (_ref, port, { signal }) => {
  const socket = dial({ host: '127.0.0.1', port, allowHalfOpen: true });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', () => reject(unavailable(`nothing listens on port ${port}`)));
  });
  signal.addEventListener('abort', () => socket.destroy());
  return { output: socket, input: socket };
};

function hosting(connect: SandboxAccess['connect']) {
  return {
    name: 'connecting',
    access: {
      ...(connect === undefined ? {} : { connect }),
    },
    capabilities: async () => ({ driverName: 'connecting', driverVersion: '2', defaultImage: 'a:1' }),
    close: async () => {},
  } as unknown as ComputeDriver;
}

async function connected(driver: ComputeDriver, port: number, signal = AbortSignal.timeout(20_000)) {
  const connection = await driver.access?.connect?.(REF, port, { signal });
  assert.ok(connection !== undefined);
  return connection;
}

async function readAll({ output }: PortConnection): Promise<Buffer> {
  return Buffer.concat(await toArray(output));
}

async function echoing(body: (port: number, open: () => Promise<number>) => Promise<void>) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  const port = await listen(server);
  const open = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
  try {
    await body(port, open);
  } finally {
    server.close();
  }
}

test('a connection carries every byte both ways, and ends when both sides have', () =>
  echoing((port) =>
    throughSocket(hosting(connecting), async (driver) => {
      const connection = await connected(driver, port);
      const sent = randomBytes(3 * 1024 * 1024);
      connection.input.end(sent);
      assert.ok(sent.equals(await readAll(connection)));
    }),
  ));

test('leaving the output or aborting ends the connection at the other side', () =>
  echoing((port, open) =>
    throughSocket(hosting(connecting), async (driver) => {
      const left = await connected(driver, port);
      left.input.write('x');
      for await (const _ of left.output) {
        break;
      }
      await eventually('it is closed', async () => (await open()) === 0, 5_000);
      const cut = new AbortController();
      const aborted = await connected(driver, port, cut.signal);
      const read = readAll(aborted);
      assert.equal(await open(), 1);
      cut.abort();
      await assert.rejects(read);
      await eventually('it is closed', async () => (await open()) === 0, 5_000);
    }),
  ));

test('a port where nothing listens, and what is no port, are told as that', () =>
  throughSocket(hosting(connecting), async (driver) => {
    let port = 0;
    await echoing(async (free) => {
      port = free;
    });
    await assert.rejects(connected(driver, port), { code: Code.UNAVAILABLE, message: /nothing listens/ });
    await assert.rejects(connected(driver, 70_000), {
      code: Code.INVALID_ARGUMENT,
      message: /not a TCP port/,
    });
  }));

test('a driver that connects to no ports offers none', () =>
  throughSocket(hosting(undefined), async (driver) => {
    assert.equal(driver.access?.connect, undefined);
    assert.ok(driver.access?.exec);
  }));

test('of what its sandboxes can be given a driver behind a socket tells nothing, and nothing is made up', () =>
  throughSocket(hosting(undefined), async (driver) => {
    const told = await driver.capabilities({ signal: new AbortController().signal });
    assert.deepEqual([told.driverVersion, told.defaultImage], ['2', 'a:1']);
    assert.equal(told.resources, undefined);
  }));
