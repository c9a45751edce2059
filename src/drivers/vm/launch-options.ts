import type { DriverSettings } from '../../compute/entry.js';
import type { LogLevel } from '../../compute/log.js';

/** Sent to the driver process as one line of JSON on its standard input, which then stays open. */
export interface LaunchOptions {
  readonly gatewayId: string;
  readonly version: string;
  readonly stateDir: string;
  readonly settings: DriverSettings;
  /** The gateway's own. */
  readonly logLevel: LogLevel;
  readonly socketPath: string;
  /** Calls without it are refused. */
  readonly token: string;
}

/** The argument of a process that a gateway starts. */
export const FROM_GATEWAY = '--from-gateway';
