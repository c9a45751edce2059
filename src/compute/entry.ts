import type { ComputeDriver } from './driver.js';
import type { Logger } from './log.js';
import type { PartEntry } from './part.js';

/** A table of `[openshell.drivers.<name>]`, checked against the entry's schema, defaults filled in. */
export type DriverSettings = Readonly<Record<string, unknown>>;

export interface ProbeContext {
  readonly settings: DriverSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A probe stops waiting when this signal aborts. */
  readonly signal: AbortSignal;
}

/** Whether this host has the driver's engine. `tried` lists every place that was checked, with its outcome. */
export type ProbeResult =
  | {
      readonly state: 'ready';
      /** Where the engine answers, e.g. a socket path or a URL. */
      readonly endpoint: string;
      readonly engineVersion: string;
      /** What a user should know even so, e.g. limits that this engine cannot enforce. */
      readonly warnings?: readonly string[];
    }
  | { readonly state: 'unavailable'; readonly reason: string; readonly tried?: readonly string[] };

export interface DriverContext {
  /** Marks everything this gateway creates on the engine. */
  readonly gatewayId: string;
  /**
   * 64 hex digits that only the gateway and this driver know, the same after every restart. A driver signs with them
   * what it leaves on its engine.
   */
  readonly secret: string;
  /** The gateway's version. */
  readonly version: string;
  /** Where a driver may keep files, e.g. sockets and disk images; created by the driver, mode 0700. */
  readonly stateDir: string;
  readonly settings: DriverSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From the probe that found the engine. */
  readonly endpoint: string;
  readonly log: Logger;
}

export interface DriverModule {
  /** Waits for the engine no longer than one call to it may take. */
  createDriver(context: DriverContext): Promise<ComputeDriver>;
}

/** A compute driver as a part of a flavor. Probe and schema load no engine client, `load` does. */
export interface DriverEntry<Name extends string = string> extends PartEntry<'driver', DriverModule, Name> {
  /** Whether a gateway without a configured driver may choose this one. */
  readonly autoDetect: boolean;
  probe(context: ProbeContext): Promise<ProbeResult>;
}
