import { readFile } from 'node:fs/promises';
import { failedPrecondition } from '../../../../../compute/errors.js';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

interface AuthEntry {
  readonly auth?: unknown;
  readonly username?: unknown;
  readonly password?: unknown;
}

/** Keys for Docker Hub in Docker's config.json. */
const HUB_KEYS = ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'registry-1.docker.io'];

function hostOfKey(key: string): string {
  return key
    .replace(/^https?:\/\//, '')
    .replace(/\/.*$/, '')
    .toLowerCase();
}

function decode({ auth, username, password }: AuthEntry): Credentials | undefined {
  if (typeof username === 'string' && typeof password === 'string') {
    return { username, password };
  }
  if (typeof auth !== 'string') {
    return undefined;
  }
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/**
 * A registry's user and password below `auths` in a file in the format of Docker's config.json. The file is read each
 * time, so that changes take effect. FAILED_PRECONDITION when it cannot be read; messages never include its contents.
 */
export async function readCredentials(path: string, registry: string): Promise<Credentials | undefined> {
  if (path === '') {
    return undefined;
  }
  let auths: Record<string, AuthEntry | undefined>;
  try {
    const file = JSON.parse(await readFile(path, 'utf8')) as { auths?: Record<string, AuthEntry> };
    auths = file.auths ?? {};
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'it is not valid JSON';
    throw failedPrecondition(`registry_auth_file cannot be read: ${path}: ${why}`, {
      reason: 'ImagePullFailed',
    });
  }
  const keys =
    registry === 'docker.io' ? HUB_KEYS : Object.keys(auths).filter((key) => hostOfKey(key) === registry);
  for (const key of keys) {
    const entry = auths[key];
    const found = entry === undefined || entry === null ? undefined : decode(entry);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
