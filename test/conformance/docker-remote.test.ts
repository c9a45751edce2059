import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { silentLogger } from '../../dist/compute/log.js';
import { connectDriver } from '../../dist/remote/client.js';
import { serveDriver } from '../../dist/remote/server.js';
import { tempFolder } from '../support/folder.js';
import { dockerBed } from './docker-bed.js';
import { driverSuite } from './driver-suite.js';

/** Docker's driver behind the compute protocol and a Unix socket: nothing may be lost on the way. */
const docker = dockerBed();

await driverSuite({
  ...docker,
  async createDriver(gatewayId, settings) {
    const hosted = await docker.createDriver(gatewayId, settings);
    const { path: folder, remove } = tempFolder();
    const socketPath = join(folder, `${randomUUID().slice(0, 8)}.sock`);
    const token = randomUUID();
    const served = await serveDriver({ driver: hosted, socketPath, token, log: silentLogger });
    const driver = await connectDriver({
      name: 'docker',
      socketPath,
      token,
      signal: new AbortController().signal,
    });
    return {
      ...driver,
      async close() {
        await driver.close();
        await served.close();
        await hosted.close();
        remove();
      },
    };
  },
});
