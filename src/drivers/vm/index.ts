import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DriverModule } from '../../compute/entry.js';
import { connectDriver } from '../../remote/client.js';
import { RESOURCES, type VmSettings } from './settings.js';
import { superviseProcess } from './supervisor.js';

const TOKEN_BYTES = 32;
/** The longest path of a Unix socket. */
const MAX_SOCKET_PATH = 107;
const CONNECT_TIMEOUT_MS = 40_000;

/** Returns the socket's path, and what to remove when it is no longer needed. */
async function chooseSocket(stateDir: string, gatewayId: string): Promise<[path: string, created: string]> {
  const path = join(
    stateDir,
    'run',
    `${createHash('sha256').update(gatewayId).digest('hex').slice(0, 12)}.sock`,
  );
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    const folder = await mkdtemp(join(tmpdir(), 'openshell-vm-'));
    return [join(folder, 'driver.sock'), folder];
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  return [path, path];
}

/** Starts the driver process, keeps it running, and speaks the compute protocol to it. */
export const createDriver: DriverModule['createDriver'] = async (context) => {
  const settings = context.settings as VmSettings;
  const [socketPath, created] = await chooseSocket(context.stateDir, context.gatewayId);
  const token = randomBytes(TOKEN_BYTES).toString('hex');
  const supervised = superviseProcess({
    program: settings.driver_bin,
    options: {
      gatewayId: context.gatewayId,
      version: context.version,
      stateDir: context.stateDir,
      settings: context.settings,
      logLevel: context.log.level,
      socketPath,
      token,
    },
    env: context.env,
    log: context.log,
  });
  async function cleanUp() {
    await supervised.stop();
    await rm(created, { recursive: true, force: true });
  }

  try {
    const driver = await connectDriver({
      name: 'vm',
      socketPath,
      token,
      timeoutMs: CONNECT_TIMEOUT_MS,
      signal: new AbortController().signal,
    });
    return {
      ...driver,
      // The protocol does not have them.
      capabilities: async (options) => ({ ...(await driver.capabilities(options)), resources: RESOURCES }),
      async close() {
        await driver.close();
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
};
