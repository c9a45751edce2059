import type { ComputeDriver } from './driver.js';
import type { Logger } from './log.js';
import type { PartEntry } from './part.js';

/** A table of `[openshell.drivers.<name>]`, checked against the entry's schema, defaults filled in. */
export type DriverSettings = Readonly<Record<string, unknown>>;

export interface ProbeContext {
  readonly settings: DriverSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A probe waits no longer than this signal lets it. */
  readonly signal: AbortSignal;
}

/** Whether this host has the driver's engine. `tried` names every place that was looked at, with its outcome. */
export type ProbeResult =
  | {
      readonly state: 'ready';
      /** Where the engine answers, e.g. a socket path or a URL. */
      readonly endpoint: string;
      readonly engineVersion: string;
      /** What a user should know although it works, e.g. limits that this engine cannot enforce. */
      readonly warnings?: readonly string[];
    }
  | { readonly state: 'unavailable'; readonly reason: string; readonly tried?: readonly string[] };

export interface DriverContext {
  /** Marks everything this gateway makes on the engine. */
  readonly gatewayId: string;
  /**
   * 64 hex digits that only the gateway and this driver know, the same after every restart: with them a driver proves
   * that what it left on its engine is its own.
   */
  readonly secret: string;
  /** The gateway's version. */
  readonly version: string;
  /** Where a driver may keep files, e.g. sockets and disk images; made by the driver, mode 0700. */
  readonly stateDir: string;
  readonly settings: DriverSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From the probe that found the engine. */
  readonly endpoint: string;
  readonly log: Logger;
}

export interface DriverModule {
  /** Does not wait for the engine longer than a call to it may take. */
  createDriver(context: DriverContext): Promise<ComputeDriver>;
}

/** A compute driver as a part of a flavor. Probe and schema pull in no engine client, `load` does. */
export interface DriverEntry<Name extends string = string> extends PartEntry<'driver', DriverModule, Name> {
  /** Whether a gateway without a configured driver may choose this one. */
  readonly autoDetect: boolean;
  probe(context: ProbeContext): Promise<ProbeResult>;
}
