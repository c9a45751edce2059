import type { ClientTls } from '../client/contract.js';

const PROXIES = ['grpc_proxy', 'https_proxy', 'http_proxy'] as const;
const ROOTS = 'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH';
const CIPHERS = 'GRPC_SSL_CIPHER_SUITES';

/**
 * What in the environment only the full client honours, as the variable's name; undefined when there is nothing: a
 * proxy that this target goes through, and settings of grpc-js itself (`GRPC_TRACE`, `GRPC_SSL_CIPHER_SUITES`, ...).
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

/** As grpc-js reads the list of ends of names; a network in it (10.0.0.0/8) is left to the full client. */
function isDirect(target: string, env: NodeJS.ProcessEnv): boolean {
  const host = target.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const list = env.no_grpc_proxy || env.no_proxy;
  return list ? list.split(',').some((end) => host.endsWith(end)) : false;
}
