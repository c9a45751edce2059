import type { OpenShellError } from '../../compute/errors.js';

/** Exit codes of a gateway that fails to start, by the reason of the error. Their meaning never changes. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  InvalidUsage: 2,
  InvalidConfig: 2,
  EngineSocket: 2,
  DriverNotInBuild: 3,
  PartNotInBuild: 3,
  DriverUnknown: 4,
  DriverUnavailable: 5,
  DriverSocketUnsafe: 5,
  DriverSocketUnreachable: 5,
  DriverFailed: 5,
  NoDriverFound: 6,
  ListenFailed: 7,
  StoreLocked: 8,
  StoreCorrupt: 8,
  StoreNotWritable: 8,
  StoreEngineMissing: 8,
  StoreNewer: 8,
  StoreForeign: 8,
  StoreFull: 8,
  GatewayIdMismatch: 9,
  DatabaseMoved: 9,
  KeyMissing: 9,
  KeyMismatch: 9,
  KeyUnreadable: 9,
  KeyUnwritable: 9,
  StoreMissing: 8,
};

const OTHER = 1;

export function exitCodeOf(error: OpenShellError): number {
  return EXIT_CODES[error.reason ?? ''] ?? OTHER;
}
