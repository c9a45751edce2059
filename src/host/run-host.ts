import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { DriverEntry } from '../compute/entry.js';
import { failedPrecondition, invalidArgument, OpenShellError, unavailable } from '../compute/errors.js';
import { VERSION } from '../compute/version.js';
import type { GatewayConfig } from '../config/gateway-config.js';
import { homePaths } from '../config/home.js';
import type { KeyName } from '../config/keys.js';
import { loadConfig } from '../config/load.js';
import { deadline } from '../kit/deadline.js';
import { freeBuffersAtOnce } from '../kit/garbage.js';
import { createLogger } from '../logging/logger.js';
import { exitOnUncaught } from '../logging/uncaught.js';
import { serveDriver } from '../remote/server.js';

interface HostOptions {
  readonly entry: DriverEntry;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

const PROBE_TIMEOUT_MS = 10_000;
function USAGE(name: string) {
  return `Usage: openshell-driver-${name} --bind-socket PATH [--config FILE] [--log-level LEVEL]

Serves the ${name} driver to a gateway in another process, on a Unix socket.

  --bind-socket PATH  where to listen [OPENSHELL_COMPUTE_DRIVER_SOCKET]
  --config FILE       a gateway.toml or gateway.ini; gateway_id and [openshell.drivers.${name}] are
                      read from it [OPENSHELL_GATEWAY_CONFIG]
  --log-level LEVEL   error, warn, info, debug or trace [OPENSHELL_LOG_LEVEL]
`;
}

/** Runs one driver as a process of its own until SIGTERM or SIGINT; gives the exit code. */
export async function runHost(options: HostOptions): Promise<number> {
  try {
    return await host(options);
  } catch (thrown) {
    const error = OpenShellError.from(thrown);
    process.stderr.write(
      `openshell-driver-${options.entry.name}: error[${error.reason ?? 'Failed'}]: ${error.text}\n`,
    );
    return 1;
  }
}

async function host({ entry, argv, env }: HostOptions): Promise<number> {
  freeBuffersAtOnce();
  const { values } = parse(entry.name, argv);
  if (values.help) {
    process.stdout.write(USAGE(entry.name));
    return 0;
  }
  const socketPath = values['bind-socket'] ?? env.OPENSHELL_COMPUTE_DRIVER_SOCKET;
  if (socketPath === undefined) {
    throw invalidArgument('--bind-socket is needed', { reason: 'InvalidUsage' });
  }
  const flags = new Map<KeyName, string[]>();
  if (values.config !== undefined) {
    flags.set('configFile', [values.config]);
  }
  if (values['log-level'] !== undefined) {
    flags.set('logLevel', [values['log-level']]);
  }
  const home = homePaths(env, homedir());
  const { OPENSHELL_COMPUTE_DRIVER_SOCKET: _, ...rest } = env;
  const { config } = await loadConfig({ flags, env: rest, drivers: [entry], stores: [], home });
  const log = createLogger({
    level: config.logLevel,
    write: (text) => process.stderr.write(text),
    readable: process.stderr.isTTY === true,
  });
  exitOnUncaught(log);
  const driver = await createDriver(entry, config, env, join(home.stateDir, 'drivers', entry.name), log);
  const served = await serveDriver({ driver, socketPath, log });
  log.info(`serving ${entry.name} at ${socketPath}`);
  await ended();
  await served.close();
  await driver.close();
  return 0;
}

function parse(name: string, argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        'bind-socket': { type: 'string' },
        config: { type: 'string' },
        'log-level': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw invalidArgument(`${message}\n${USAGE(name)}`, { reason: 'InvalidUsage' });
  }
}

async function createDriver(
  entry: DriverEntry,
  config: GatewayConfig,
  env: HostOptions['env'],
  stateDir: string,
  log: ReturnType<typeof createLogger>,
) {
  if (config.gatewayId === undefined) {
    throw failedPrecondition(
      'gateway_id is not configured, and a driver process has no store to keep one in',
      {
        reason: 'InvalidConfig',
        hint: 'set gateway_id under [openshell.gateway] to the id that the gateway logs when it starts',
      },
    );
  }
  const settings = config.drivers.get(entry.name)?.settings ?? {};
  const found = await entry.probe({ settings, env, signal: deadline(PROBE_TIMEOUT_MS) });
  if (found.state !== 'ready') {
    throw unavailable(`the ${entry.name} engine cannot be used: ${found.reason}`, {
      reason: 'DriverUnavailable',
    });
  }
  const module = await entry.load();
  return module.createDriver({
    gatewayId: config.gatewayId,
    secret: await keptSecret(stateDir),
    version: VERSION,
    stateDir,
    settings,
    env,
    endpoint: found.endpoint,
    log,
  });
}

/** A driver process has no store: its secret is a file of its own, made at the first start. */
export async function keptSecret(stateDir: string): Promise<string> {
  const path = join(stateDir, 'secret');
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  try {
    await writeFile(path, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw error;
    }
  }
  const secret = await readFile(path, 'utf8');
  if (/^[0-9a-f]{64}$/.test(secret)) {
    return secret;
  }
  throw failedPrecondition(`'${path}' is not a driver's secret`, {
    reason: 'InvalidConfig',
    hint: 'remove it, and a new one is made; what the driver signed with the old one is then not its own any more',
  });
}

function ended(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
}
