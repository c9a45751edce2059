import assert from 'node:assert/strict';
import { chmod, rename, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { checkSocket, prepareSocket } from '../../dist/remote/socket.js';
import { type TempFolder, tempFolder } from '../support/folder.js';

let folder: TempFolder;
let socket: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = tempFolder();
  socket = join(folder.path, 'driver.sock');
});
afterEach(async () => {
  server?.close();
  server = undefined;
  folder.remove();
});

async function listen(mode = 0o600) {
  server = createServer();
  await new Promise<void>((resolve) => server?.listen(socket, resolve));
  await chmod(socket, mode);
}

test('a socket of our own in a folder of our own is safe', async () => {
  await listen();
  await checkSocket(socket);
});

test('a socket that is missing is told as that, whatever its folder', async () => {
  await chmod(folder.path, 0o755);
  await assert.rejects(checkSocket(socket), {
    reason: 'DriverSocketMissing',
    message: /driver\.sock' does not exist$/,
  });
  await assert.rejects(checkSocket('/nope/driver.sock'), { reason: 'DriverSocketMissing' });
});

test('what is no socket is told as that', async () => {
  await writeFile(socket, '');
  await assert.rejects(checkSocket(socket), { reason: 'DriverSocketUnsafe', message: /is not a socket$/ });
  await assert.rejects(prepareSocket(socket), { message: /exists and is not a socket$/ });
});

test('a folder that others may enter is refused by name, and nobody is told to close it', async () => {
  await listen();
  await chmod(folder.path, 0o755);
  const unsafe = {
    reason: 'DriverSocketUnsafe',
    message: new RegExp(`its folder '${folder.path}' has mode 755$`),
    hint: 'give the socket a folder of its own with mode 700',
  };
  await assert.rejects(checkSocket(socket), unsafe);
  await assert.rejects(prepareSocket(socket), unsafe);
});

test('a socket that others may open is refused', async () => {
  await listen(0o666);
  await assert.rejects(checkSocket(socket), { message: /it has mode 666$/, hint: 'make it 600' });
});

test('a server takes the place of one that is gone, and of no other', async () => {
  await listen();
  await assert.rejects(prepareSocket(socket), { message: /is served by another process$/ });
  const stale = join(folder.path, 'stale.sock');
  await rename(socket, stale);
  await new Promise((resolve) => server?.close(resolve));
  assert.equal((await stat(stale)).isSocket(), true);
  await prepareSocket(stale);
  await assert.rejects(stat(stale), { code: 'ENOENT' });
});

test('the folder is made, for its owner alone; where it cannot be, the error says what to do', async () => {
  const deep = join(folder.path, 'run', 'driver.sock');
  await prepareSocket(deep);
  assert.equal((await stat(join(folder.path, 'run'))).mode & 0o777, 0o700);
  await writeFile(join(folder.path, 'file'), '');
  await assert.rejects(prepareSocket(join(folder.path, 'file', 'driver.sock')), {
    reason: 'DriverSocketUnsafe',
    message: /cannot have a folder: (ENOTDIR|EEXIST)$/,
    hint: /may write/,
  });
});
