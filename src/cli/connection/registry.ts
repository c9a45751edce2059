import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { failedPrecondition, notFound } from '../../compute/errors.js';
import { readFailure } from '../../kit/read-failure.js';

const SYSTEM_FOLDER = '/etc/openshell';
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** A gateway that was registered on this machine, by OpenShell's own `gateway add` or by hand. */
export interface RegisteredGateway {
  readonly name: string;
  readonly url: string;
  /** Folder of `ca.crt`, `tls.crt` and `tls.key`; they need not exist. */
  readonly mtlsFolder: string;
}

/** The active gateway's name: the user's choice, else the machine's, else undefined. */
export async function activeGateway(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of folders(env)) {
    const name = (await readOptional(join(folder, 'active_gateway')))?.trim();
    if (name) {
      return name;
    }
  }
  return undefined;
}

/** NOT_FOUND when no such gateway is registered; FAILED_PRECONDITION when its entry cannot be used here. */
export async function registeredGateway(name: string, env: NodeJS.ProcessEnv): Promise<RegisteredGateway> {
  if (SAFE_NAME.test(name)) {
    for (const folder of folders(env)) {
      const entry = join(folder, 'gateways', name);
      const text = await readOptional(join(entry, 'metadata.json'));
      if (text !== undefined) {
        return { name, url: readEntry(name, text), mtlsFolder: join(entry, 'mtls') };
      }
    }
  }
  throw notFound(`no gateway '${name}' is registered`, {
    hint: `looked for gateways/${name}/metadata.json in ${folders(env).join(' and ')}; or use --gateway-endpoint`,
  });
}

function folders(env: NodeJS.ProcessEnv): string[] {
  return [join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'openshell'), SYSTEM_FOLDER];
}

function readEntry(name: string, text: string): string {
  const { gateway_endpoint: url, auth_mode: auth } = parseObject(name, text);
  if (typeof url !== 'string') {
    throw failedPrecondition(`the entry of gateway '${name}' has no gateway_endpoint`);
  }
  if (auth !== undefined && auth !== null && auth !== 'mtls' && auth !== 'plaintext') {
    throw failedPrecondition(
      `gateway '${name}' uses auth_mode '${String(auth)}', which this client does not support`,
      {
        hint: 'this client supports mtls and plaintext',
      },
    );
  }
  return url;
}

function parseObject(name: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Reported below.
  }
  throw failedPrecondition(`the entry of gateway '${name}' is not a JSON object`, {
    hint: `repair or remove gateways/${name}/metadata.json`,
  });
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      return undefined;
    }
    throw failedPrecondition(`cannot read ${path}: ${readFailure(error)}`);
  }
}
