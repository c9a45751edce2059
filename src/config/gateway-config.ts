import type { DriverSettings } from '../compute/entry.js';
import type { ListenAddress } from './address.js';
import type { Database } from './database.js';

/** The effective configuration: validated, defaults filled in, every path absolute. */
export interface GatewayConfig {
  readonly bindAddress: ListenAddress;
  /** Undefined: not served. */
  readonly healthBindAddress: ListenAddress | undefined;
  /** Undefined: not served. */
  readonly metricsBindAddress: ListenAddress | undefined;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  /** The drivers to run, the default one first. Empty: auto-detect. Only the syntax of the names is checked. */
  readonly computeDrivers: readonly string[];
  /** By name: every driver of the build, and every other driver with a table. */
  readonly drivers: ReadonlyMap<string, DriverConfig>;
  readonly sandboxNamespace: string;
  readonly defaultImage: string | undefined;
  /** Per driver. */
  readonly maxOperations: number;
  readonly maxPendingCreates: number;
  /** Undefined: the one in the store, or a new one. */
  readonly gatewayId: string | undefined;
  readonly secretKeyPath: string;
  /** Its store may not be in this build: see `scheme`. */
  readonly database: Database;
  /** Undefined: the database must be in the same place as before. */
  readonly adoptDatabase: string | undefined;
  /** Undefined: plaintext. */
  readonly tls: TlsConfig | undefined;
  readonly allowUnauthenticatedUsers: boolean;
  readonly httpAllowedHosts: readonly string[];
  readonly limits: {
    readonly connections: number;
    readonly connectionsPerAddress: number;
    readonly streamsPerUser: number;
    readonly stalledMs: number;
  };
  readonly telemetry: {
    readonly enabled: boolean;
    /** Undefined: events are not sent. */
    readonly endpoint: string | undefined;
  };
}

export interface TlsConfig {
  readonly certPath: string;
  readonly keyPath: string;
  /** When set, every client needs a certificate from this CA. */
  readonly clientCaPath: string | undefined;
  /** Undefined: no certificate is revoked. */
  readonly clientCrlPath?: string | undefined;
}

export interface DriverConfig {
  /** Checked and with defaults when the driver is in the build, else as in the file. */
  readonly settings: DriverSettings;
  /** The gRPC socket of a driver in another process; undefined: the driver runs in this one. */
  readonly socketPath: string | undefined;
}
