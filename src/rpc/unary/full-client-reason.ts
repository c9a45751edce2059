import type { ClientTls } from '../client/contract.js';

const PROXIES = ['grpc_proxy', 'https_proxy', 'http_proxy'] as const;
const ROOTS = 'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH';
const CIPHERS = 'GRPC_SSL_CIPHER_SUITES';

/**
 * The name of an environment variable that only the full client supports; undefined without any: a proxy for this
 * target, or a setting of grpc-js itself (`GRPC_TRACE`, `GRPC_SSL_CIPHER_SUITES`, ...).
 *
 * @param target as `createUnaryClient` takes it
 */
export function fullClientReason(
  target: string,
  tls: ClientTls | undefined,
  env: NodeJS.ProcessEnv,
): string | undefined {
  const setting = Object.keys(env).find((name) => {
    if (!name.startsWith('GRPC_') || !env[name]) {
      return false;
    }
    if (name === ROOTS) {
      return tls !== undefined && !tls.ca;
    }
    return name !== CIPHERS || tls !== undefined;
  });
  if (setting !== undefined || target.startsWith('unix:')) {
    return setting;
  }
  const proxy = PROXIES.find((name) => env[name]);
  return proxy === undefined || isDirect(target, env) ? undefined : proxy;
}

/** Matches suffixes of names as grpc-js does; networks (10.0.0.0/8) are left to the full client. */
function isDirect(target: string, env: NodeJS.ProcessEnv): boolean {
  const host = target.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const list = env.no_grpc_proxy || env.no_proxy;
  return list ? list.split(',').some((end) => host.endsWith(end)) : false;
}
