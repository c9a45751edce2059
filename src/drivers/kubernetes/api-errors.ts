import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import { foreignReason } from '../../compute/reasons.js';
import type { Status } from './objects.js';

/** Reasons that the API server gives and the driver asks for again. */
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

/** The API server's refusal as an error. `what` says what was asked of it, e.g. `create pods in openshell`. */
export function fromStatus(httpStatus: number, body: string, what: string): OpenShellError {
  const status = parseStatus(body);
  const said = status?.message ?? (body.trim().slice(0, 300) || `HTTP ${httpStatus}`);
  const message = `Kubernetes refused to ${what}: ${said}`;
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
    return forbidden(said, message);
  }
  const reason = status?.reason;
  return new OpenShellError(CODES[httpStatus] ?? Code.INTERNAL, message, {
    reason: foreignReason(reason),
  });
}

function forbidden(said: string, message: string): OpenShellError {
  if (/exceeded quota|must specify limits/i.test(said)) {
    return new OpenShellError(Code.RESOURCE_EXHAUSTED, message, { reason: 'QuotaExceeded' });
  }
  if (/violates PodSecurity/i.test(said)) {
    return new OpenShellError(Code.FAILED_PRECONDITION, message, { reason: 'PodSecurityViolation' });
  }
  if (/because it is being terminated/i.test(said)) {
    return new OpenShellError(Code.UNAVAILABLE, message, { reason: NAMESPACE_TERMINATING });
  }
  return new OpenShellError(Code.FAILED_PRECONDITION, message, {
    reason: FORBIDDEN,
    hint: 'grant it with the Role in deploy/kubernetes or the Helm chart',
  });
}

/** A missing permission as what it may be: a server that has not loaded its roles yet. Other errors as they are. */
export function stillLoading(error: OpenShellError): OpenShellError {
  return error.reason === FORBIDDEN
    ? new OpenShellError(Code.UNAVAILABLE, error.message, {
        reason: STARTING,
        hint: 'the API server has just come back and may not know its roles yet; try again',
        cause: error,
      })
    : error;
}

export function isStillLoading(error: OpenShellError): boolean {
  return error.reason === STARTING;
}

/** A connection that failed, before or within an answer. */
export function connectionLost(server: URL, cause: unknown): OpenShellError {
  return new OpenShellError(
    Code.UNAVAILABLE,
    `the Kubernetes API server at ${server.origin} does not answer: ${
      cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(cause)
    }`,
    { reason: 'KubernetesUnreachable', cause },
  );
}

export function hasCode(error: unknown, code: Code): boolean {
  return error instanceof OpenShellError && error.code === code;
}

export function isExpired(error: unknown): boolean {
  return error instanceof OpenShellError && error.reason === REASON_EXPIRED;
}

/** NOT_FOUND of a create as what it means: FAILED_PRECONDITION, the namespace is missing. */
export function namespaceMissing(error: unknown, namespace: string): unknown {
  return hasCode(error, Code.NOT_FOUND)
    ? failedPrecondition(`namespace '${namespace}' does not exist`, {
        reason: NAMESPACE_MISSING,
        hint: 'create it, or set another namespace in [openshell.drivers.kubernetes]',
        cause: error,
      })
    : error;
}

/** The namespace was removed, or is on its way out. */
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
