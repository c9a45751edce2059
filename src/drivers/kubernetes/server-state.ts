import type { OpenShellError } from '../../compute/errors.js';
import { connectionLost, fromStatus, stillLoading } from './api-errors.js';

/**
 * What is known of the API server's whereabouts. One that has just come back refuses what its authorizer has not
 * loaded yet in the words of a missing permission; only its absence a moment ago tells the two apart.
 */
export interface ServerState {
  /** A connection failed, before or within an answer. */
  lost(cause: unknown): OpenShellError;
  /** The server's refusal as an error: UNAVAILABLE with reason `KubernetesStarting` for a 403 soon after an absence. */
  refused(httpStatus: number, body: string, what: string): OpenShellError;
}

/** An API server under load has its roles this long after it listens. */
const LOADING_MS = 30_000;

export function createServerState(server: URL, loadingMs = LOADING_MS): ServerState {
  let lostAtMs = Number.NEGATIVE_INFINITY;
  return {
    lost(cause) {
      lostAtMs = performance.now();
      return connectionLost(server, cause);
    },
    refused(httpStatus, body, what) {
      const error = fromStatus(httpStatus, body, what);
      return performance.now() - lostAtMs < loadingMs ? stillLoading(error) : error;
    },
  };
}
