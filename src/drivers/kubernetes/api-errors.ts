import { Code, failedPrecondition, OpenShellError, unavailable } from '../../compute/errors.js';
import { foreignReason } from '../../compute/reasons.js';
import type { Status } from './objects.js';

/** Reasons that the driver checks for. */
const REASON_EXPIRED = 'Expired';
const NAMESPACE_MISSING = 'NamespaceMissing';
const NAMESPACE_TERMINATING = 'NamespaceTerminating';
const FORBIDDEN = 'KubernetesForbidden';
const STARTING = 'KubernetesStarting';

const CODES: Readonly<Record<number, Code>> = {
  400: Code.INVALID_ARGUMENT,
  401: Code.FAILED_PRECONDITION,
  403: Code.FAILED_PRECONDITION,
  404: Code.NOT_FOUND,
  409: Code.ABORTED,
  410: Code.ABORTED,
  413: Code.INVALID_ARGUMENT,
  422: Code.INVALID_ARGUMENT,
  429: Code.UNAVAILABLE,
  500: Code.UNAVAILABLE,
  502: Code.UNAVAILABLE,
  503: Code.UNAVAILABLE,
  504: Code.UNAVAILABLE,
};

/** The API server's refusal as an error. `what` names the request, e.g. `create pods in openshell`. */
function fromStatus(httpStatus: number, body: string, what: string): OpenShellError {
  const status = parseStatus(body);
  const details = status?.message ?? (body.trim().slice(0, 300) || `HTTP ${httpStatus}`);
  const message = `Kubernetes refused to ${what}: ${details}`;
  if (httpStatus === 409 && status?.reason === 'AlreadyExists') {
    return new OpenShellError(Code.ALREADY_EXISTS, message, { reason: 'AlreadyExists' });
  }
  if (httpStatus === 410) {
    return new OpenShellError(Code.ABORTED, message, { reason: REASON_EXPIRED });
  }
  if (httpStatus === 401) {
    return new OpenShellError(Code.FAILED_PRECONDITION, message, {
      reason: 'KubernetesUnauthorized',
      hint: "check the gateway's kubeconfig or service account",
    });
  }
  if (httpStatus === 403) {
    return forbidden(details, message);
  }
  const reason = status?.reason;
  return new OpenShellError(CODES[httpStatus] ?? Code.INTERNAL, message, {
    reason: foreignReason(reason),
  });
}

function forbidden(details: string, message: string): OpenShellError {
  if (/exceeded quota|must specify limits/i.test(details)) {
    return new OpenShellError(Code.RESOURCE_EXHAUSTED, message, { reason: 'QuotaExceeded' });
  }
  if (/violates PodSecurity/i.test(details)) {
    return new OpenShellError(Code.FAILED_PRECONDITION, message, { reason: 'PodSecurityViolation' });
  }
  if (/because it is being terminated/i.test(details)) {
    return new OpenShellError(Code.UNAVAILABLE, message, { reason: NAMESPACE_TERMINATING });
  }
  return new OpenShellError(Code.FAILED_PRECONDITION, message, {
    reason: FORBIDDEN,
    hint: 'grant it with the Role in deploy/kubernetes or the Helm chart',
  });
}

export function isStillLoading(error: OpenShellError): boolean {
  return error.reason === STARTING;
}

/** Turns failures of the API server into errors. */
export interface ServerState {
  /** A connection failed, before or within an answer. */
  lost(cause: unknown): OpenShellError;
  /** The server's refusal; UNAVAILABLE with reason `KubernetesStarting` for a 403 soon after a lost connection. */
  refused(httpStatus: number, body: string, what: string): OpenShellError;
}

/** How long an API server under load takes to load its roles once it listens. */
const LOADING_MS = 30_000;

/**
 * A server that has just restarted answers 403 until its authorizer has loaded, exactly as for a missing permission.
 * Only a recently lost connection tells the two apart.
 */
export function createServerState(server: URL, loadingMs = LOADING_MS): ServerState {
  let lostAtMs = Number.NEGATIVE_INFINITY;
  return {
    lost(cause) {
      lostAtMs = performance.now();
      const details =
        cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause);
      return unavailable(`the Kubernetes API server at ${server.origin} does not answer: ${details}`, {
        reason: 'KubernetesUnreachable',
        cause,
      });
    },
    refused(httpStatus, body, what) {
      const error = fromStatus(httpStatus, body, what);
      if (error.reason !== FORBIDDEN || performance.now() - lostAtMs >= loadingMs) {
        return error;
      }
      return unavailable(error.message, {
        reason: STARTING,
        hint: 'the API server has just restarted and may not have loaded its roles yet; try again',
        cause: error,
      });
    },
  };
}

/** The result of `call`, or undefined when it fails with one of `codes`. */
export async function tolerate<T>(call: Promise<T>, ...codes: readonly Code[]): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof OpenShellError && codes.includes(error.code)) {
      return undefined;
    }
    throw error;
  }
}

export function hasCode(error: unknown, code: Code): boolean {
  return error instanceof OpenShellError && error.code === code;
}

export function isExpired(error: unknown): boolean {
  return error instanceof OpenShellError && error.reason === REASON_EXPIRED;
}

/** NOT_FOUND from a create means that the namespace is missing: FAILED_PRECONDITION. */
export function namespaceMissing(error: unknown, namespace: string): unknown {
  return hasCode(error, Code.NOT_FOUND)
    ? failedPrecondition(`namespace '${namespace}' does not exist`, {
        reason: NAMESPACE_MISSING,
        hint: 'create it, or set another namespace in [openshell.drivers.kubernetes]',
        cause: error,
      })
    : error;
}

/** The namespace was deleted, or is being deleted. */
export function isNamespaceGone(error: unknown): boolean {
  return (
    error instanceof OpenShellError &&
    (error.reason === NAMESPACE_MISSING || error.reason === NAMESPACE_TERMINATING)
  );
}

function parseStatus(body: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Status) : undefined;
  } catch {
    return undefined;
  }
}
