import type { Logger } from './log.js';
import type { PartEntry } from './part.js';

export type Outcome = 'success' | 'failure';

/** What happened, in the gateway's own terms, without names of anything a user owns. */
export type GatewayEvent =
  | {
      readonly kind: 'sandbox-lifecycle';
      readonly operation: 'create' | 'delete' | 'stop' | 'start' | 'update';
      readonly outcome: Outcome;
    }
  | {
      readonly kind: 'sandbox-create';
      readonly outcome: Outcome;
      readonly requestedGpu: boolean;
      readonly image: 'default' | 'given';
      readonly driver: string;
    };

export interface TelemetrySink {
  /** Never throws and never waits. */
  record(event: GatewayEvent): void;
  /** Waits at most `timeoutMs` for queued events to be sent. */
  close(timeoutMs: number): Promise<void>;
}

export interface TelemetryOptions {
  /** Where events go; there is no built-in one. */
  readonly endpoint: string;
  readonly version: string;
  readonly log: Logger;
}

/** Telemetry as a part of a flavor. */
export interface TelemetryEntry
  extends PartEntry<
    'telemetry',
    { createTelemetry(options: TelemetryOptions): TelemetrySink },
    'telemetry'
  > {}
