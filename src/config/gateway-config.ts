import type { DriverSettings } from '../compute/entry.js';
import type { ListenAddress } from './address.js';
import type { Database } from './database.js';

/** What the gateway runs with: validated, defaults filled in, every path absolute. */
export interface GatewayConfig {
  readonly bindAddress: ListenAddress;
  /** Undefined: not served. */
  readonly healthBindAddress: ListenAddress | undefined;
  /** Undefined: not served. */
  readonly metricsBindAddress: ListenAddress | undefined;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  /** The drivers to run, the default one first. Empty: probe for them. Only the names' syntax has been checked. */
  readonly computeDrivers: readonly string[];
  /** By driver name: every driver of the build, and every other that has a table. */
  readonly drivers: ReadonlyMap<string, DriverConfig>;
  readonly sandboxNamespace: string;
  readonly defaultImage: string | undefined;
  /** Of one driver at a time. */
  readonly maxOperations: number;
  readonly maxPendingCreates: number;
  /** Undefined: the one in the store, or a new one. */
  readonly gatewayId: string | undefined;
  /** The file of the secret key. */
  readonly secretKeyPath: string;
  /** Its store is not in this build when no entry of the flavor has its scheme. */
  readonly database: Database;
  /** Undefined: the database must lie where it lay before. */
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
    /** Undefined: events go nowhere. */
    readonly endpoint: string | undefined;
  };
}

export interface TlsConfig {
  readonly certPath: string;
  readonly keyPath: string;
  /** When it is set, every client needs a certificate of this CA. */
  readonly clientCaPath: string | undefined;
  /** Undefined: none of its certificates is revoked. */
  readonly clientCrlPath: string | undefined;
}

export interface DriverConfig {
  /** Checked and filled in when the driver is in the build, else as they stand in the file. */
  readonly settings: DriverSettings;
  /** The gRPC socket of the driver's own process; undefined: the driver runs in this one. */
  readonly socketPath: string | undefined;
}
