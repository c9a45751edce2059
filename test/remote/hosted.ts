import { join } from 'node:path';
import type { ComputeDriver } from '../../dist/compute/driver.js';
import { silentLogger } from '../../dist/compute/log.js';
import { connectDriver } from '../../dist/remote/client.js';
import { serveDriver } from '../../dist/remote/server.js';
import { inFolder } from '../support/folder.js';

/** Gives `body` the driver as a gateway has one that another process hosts. */
export function throughSocket(
  hosted: ComputeDriver,
  body: (driver: ComputeDriver) => Promise<void>,
): Promise<void> {
  return inFolder(async (folder) => {
    const socketPath = join(folder, 'run', 'driver.sock');
    const served = await serveDriver({ driver: hosted, socketPath, log: silentLogger });
    const signal = AbortSignal.timeout(20_000);
    const driver = await connectDriver({ name: hosted.name, socketPath, signal });
    try {
      await body(driver);
    } finally {
      await driver.close();
      await served.close();
    }
  });
}
