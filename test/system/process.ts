import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import type { RpcClient } from '../../dist/rpc/client/contract.js';
import { eventually } from '../support/wait.js';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist', 'main.js');
const CLI = join(ROOT, 'dist', 'cli', 'main.js');
const START_TIMEOUT_MS = 60_000;

export interface GatewayProcess {
  readonly address: string;
  readonly client: RpcClient;
  readonly pid: number;
  /** Everything that it wrote to stderr. */
  log(): string;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end; gives the exit code. */
  stop(): Promise<number | null>;
}

export interface GatewayProcessOptions {
  /** Holds configuration, database and whatever the drivers keep. */
  readonly folder: string;
  /** gateway.toml. */
  readonly config: string;
  readonly env?: Readonly<Record<string, string>>;
}

function environment(folder: string, env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([key]) => !key.startsWith('OPENSHELL_') || key.startsWith('OPENSHELL_TEST'),
  );
  return {
    ...Object.fromEntries(inherited),
    XDG_STATE_HOME: join(folder, 'state'),
    XDG_CONFIG_HOME: join(folder, 'config'),
    ...env,
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit');
  }
}

/** `openshell-gateway` as a user starts it, on a free port. */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  await mkdir(options.folder, { recursive: true });
  const configFile = join(options.folder, 'gateway.toml');
  await writeFile(configFile, options.config);
  const child = spawn(process.execPath, [MAIN, '--config', configFile, '--port', '0'], {
    env: environment(options.folder, options.env),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  const address = await eventually(
    'gateway listening',
    () => {
      if (child.exitCode !== null) {
        throw new Error(`the gateway ended with ${child.exitCode}:\n${text}`);
      }
      return /"address":"([^"]+)"/.exec(text)?.[1];
    },
    START_TIMEOUT_MS,
  ).catch(async (error) => {
    child.kill('SIGKILL');
    await ended(child);
    throw error;
  });
  const client = createRpcClient(address);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    client.close();
    child.kill(signal);
    await ended(child);
    return child.exitCode;
  };
  return {
    address,
    client,
    pid: child.pid as number,
    log: () => text,
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
  };
}

export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `openshell` as a user types it, against this gateway. `input` goes to its stdin. */
export async function cli(
  gateway: GatewayProcess,
  folder: string,
  args: readonly string[],
  input = '',
): Promise<CliResult> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: environment(folder, { OPENSHELL_GATEWAY_ENDPOINT: `http://${gateway.address}` }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk) => stdout.push(chunk));
  child.stderr.on('data', (chunk) => stderr.push(chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  await once(child, 'close');
  return {
    exitCode: child.exitCode,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  };
}
