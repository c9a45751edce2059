import { createInterface } from 'node:readline';
import { OpenShellError } from '../../../compute/errors.js';
import { freeBuffersAtOnce } from '../../../kit/garbage.js';
import { createLogger } from '../../../logging/logger.js';
import { exitOnUncaught } from '../../../logging/uncaught.js';
import { serveDriver } from '../../../remote/server.js';
import type { LaunchOptions } from '../launch-options.js';
import { createDriver } from './module.js';

/**
 * Serves the driver to the gateway that started this process, until our standard input is closed, which also happens
 * when the gateway is killed. Sandboxes keep running. Returns the exit code.
 */
export async function runForGateway(env: NodeJS.ProcessEnv): Promise<number> {
  freeBuffersAtOnce();
  const lines = createInterface({ input: process.stdin });
  const gone = new Promise<void>((resolve) => {
    lines.once('close', resolve);
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  const first = new Promise<string>((resolve) => lines.once('line', resolve));
  const line = await Promise.race([first, gone.then(() => undefined)]);
  if (line === undefined) {
    return 0;
  }
  const { socketPath, token, logLevel, ...context } = JSON.parse(line) as LaunchOptions;
  const log = createLogger({
    level: logLevel,
    write: (text) => process.stderr.write(text),
    readable: process.stderr.isTTY === true,
  }).child({ driver: 'vm' });
  exitOnUncaught(log);
  try {
    const driver = await createDriver({ ...context, env, endpoint: '', log });
    const served = await serveDriver({ driver, socketPath, token, log });
    await gone;
    await served.close();
    await driver.close();
    return 0;
  } catch (thrown) {
    log.error(`the driver process could not start: ${OpenShellError.from(thrown).text}`);
    return 1;
  }
}
