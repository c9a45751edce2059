import { join } from 'node:path';
import type { ProbeContext, ProbeResult } from '../../compute/entry.js';
import { ping } from './api/ping.js';

/** One place where the engine's socket may be. */
interface Strategy {
  /** Where the path comes from, for people. */
  readonly source: string;
  readonly path: string;
  /** Somebody named it: when it does not work, no other place is tried in its stead. */
  readonly binding: boolean;
}

type Strategies =
  | { readonly ok: true; readonly list: readonly Strategy[] }
  | { readonly ok: false; readonly reason: string };

function strategies(context: Pick<ProbeContext, 'settings' | 'env'>): Strategies {
  const { settings, env } = context;
  if (typeof settings.engine_socket === 'string' && settings.engine_socket !== '') {
    return {
      ok: true,
      list: [{ source: 'engine_socket', path: settings.engine_socket, binding: true }],
    };
  }
  const dockerHost = env.DOCKER_HOST;
  if (dockerHost !== undefined && dockerHost !== '') {
    const path = /^unix:\/\/(\/.+)$/.exec(dockerHost)?.[1];
    return path === undefined
      ? { ok: false, reason: `DOCKER_HOST is ${dockerHost}: only unix:///path/of/the/socket is supported` }
      : { ok: true, list: [{ source: 'DOCKER_HOST', path, binding: true }] };
  }
  const list: Strategy[] = [{ source: 'the usual place', path: '/var/run/docker.sock', binding: false }];
  if (env.HOME) {
    list.push({ source: 'Docker Desktop', path: join(env.HOME, '.docker/run/docker.sock'), binding: false });
  }
  if (env.XDG_RUNTIME_DIR) {
    list.push({
      source: 'rootless Docker',
      path: join(env.XDG_RUNTIME_DIR, 'docker.sock'),
      binding: false,
    });
  }
  return { ok: true, list };
}

const JOIN_GROUP = "add the user to the socket's group ('usermod -aG docker USER') and log in again";

/**
 * Looks for a Docker engine: `engine_socket`, else DOCKER_HOST, else the usual places, the first that answers. A
 * socket that was named and does not answer as Docker is an error: nothing else is taken for it.
 */
export async function discoverDocker(context: ProbeContext): Promise<ProbeResult> {
  const places = strategies(context);
  if (!places.ok) {
    return { state: 'unavailable', reason: places.reason };
  }
  const tried: string[] = [];
  let closed: string | undefined;
  for (const { source, path, binding } of places.list) {
    const result = await ping(path, context.signal);
    if (result.kind === 'docker') {
      return { state: 'ready', endpoint: path, engineVersion: result.version };
    }
    const outcome = result.kind === 'podman' ? 'is the socket of Podman, not of Docker' : result.reason;
    tried.push(`${path} (${source}) ${outcome}`);
    const denied = result.kind === 'none' && result.denied;
    if (binding) {
      const what = `${source} names ${path}, which ${outcome}`;
      return { state: 'unavailable', reason: denied ? `${what}; ${JOIN_GROUP}` : what, tried };
    }
    if (denied) {
      closed ??= path;
    }
  }
  if (closed !== undefined) {
    return {
      state: 'unavailable',
      reason: `the Docker socket ${closed} may not be opened by this user; ${JOIN_GROUP}, or set engine_socket or DOCKER_HOST`,
      tried,
    };
  }
  return {
    state: 'unavailable',
    reason: 'no Docker engine answers; start Docker, or set engine_socket or DOCKER_HOST',
    tried,
  };
}
