import { Agent } from 'node:http';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import type { OpenShellErrorOptions } from '../../../compute/errors.js';
import { withDeadline } from '../../../kit/deadline.js';
import { engineError, engineStatus } from './fault.js';

/** The longest that an ordinary call to the engine may take. Pulls, streams and stops have limits of their own. */
const CALL_TIMEOUT_MS = 60_000;

/** A connection to one Docker engine. */
export interface DockerClient {
  readonly docker: Docker;
  /**
   * One call, with a deadline and with its failure as an OpenShellError. `what` names the operation for the message.
   * Without `signal` the call is not cut short by the caller: it must not be left half done.
   */
  call<T>(
    what: string,
    body: (abortSignal: AbortSignal) => Promise<T>,
    options?: DockerCallOptions,
  ): Promise<T>;
  /** Releases idle connections. */
  close(): void;
}

/** The result of a call, or `missing` when what it is about does not exist. */
export async function orMissing<T, M>(missing: M, result: Promise<T>): Promise<T | M> {
  try {
    return await result;
  } catch (error) {
    if (engineStatus(error) === 404) {
      return missing;
    }
    throw error;
  }
}

interface DockerCallOptions extends OpenShellErrorOptions {
  readonly signal?: AbortSignal;
  /** Default 60,000 ms. */
  readonly timeoutMs?: number;
}

/**
 * docker-modem formats the options of every call for a debug line, whether anybody reads it or not. An ordinary agent
 * goes in with all its sockets, which takes longer than all else that this process does for an exec.
 */
class BriefAgent extends Agent {
  [inspect.custom]() {
    return 'Agent';
  }
}

export function createDockerClient(socketPath: string, callTimeoutMs = CALL_TIMEOUT_MS): DockerClient {
  const agent = new BriefAgent({ keepAlive: true, maxFreeSockets: 16 });
  // `host` empty, or docker-modem takes DOCKER_HOST from the environment before the path given here.
  const docker = new Docker({ socketPath, host: '', agent } as Docker.DockerOptions);
  return {
    docker,
    async call(what, body, { signal, timeoutMs = callTimeoutMs, ...options } = {}) {
      try {
        return await withDeadline(timeoutMs, signal, body);
      } catch (error) {
        throw engineError(error, what, options);
      }
    },
    close: () => agent.destroy(),
  };
}
