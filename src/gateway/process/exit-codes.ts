import type { OpenShellError } from '../../compute/errors.js';

/** Exit codes of a gateway that does not start, by the reason of its error. They never change their meaning. */
export const EXIT_CODES: Readonly<Record<string, number>> = {
  InvalidUsage: 2,
  InvalidConfig: 2,
  DriverNotInBuild: 3,
  DriverUnknown: 4,
  DriverUnavailable: 5,
  NoDriverFound: 6,
  ListenFailed: 7,
  StoreUnusable: 8,
  StoreLocked: 8,
  GatewayIdMismatch: 9,
};

const OTHER = 1;

export const exitCodeOf = (error: OpenShellError): number => EXIT_CODES[error.reason ?? ''] ?? OTHER;
