import { KNOWN_STORES } from '../../compute/known-parts.js';
import { partNotInBuild } from '../../compute/parts.js';
import type { TelemetryEntry } from '../../compute/telemetry.js';
import type { Database } from '../../config/database.js';
import type { GatewayConfig } from '../../config/gateway-config.js';
import type { Flavor } from '../../flavor/flavor.js';
import type { StoreEntry } from '../../store/entry.js';

/** The store that opens a database. FAILED_PRECONDITION `PartNotInBuild` when this build lacks it. */
export function storeOf(flavor: Flavor, { scheme }: Database): StoreEntry {
  const entry = flavor.stores.find(({ schemes }) => schemes.includes(scheme));
  if (entry !== undefined) {
    return entry;
  }
  const known = KNOWN_STORES.find(({ schemes }) => schemes.includes(scheme));
  const part = known ?? { kind: 'store' as const, name: scheme };
  throw partNotInBuild(part, flavor.name, `the database URL (--db-url), which is ${scheme}:...,`);
}

/** Undefined: off, or without endpoint. FAILED_PRECONDITION `PartNotInBuild` when this build lacks telemetry. */
export function telemetryOf(
  flavor: Flavor,
  { enabled, endpoint }: GatewayConfig['telemetry'],
): TelemetryEntry | undefined {
  if (!enabled || endpoint === undefined) {
    return undefined;
  }
  if (flavor.telemetry !== undefined) {
    return flavor.telemetry;
  }
  const part = { kind: 'telemetry', name: 'telemetry' } as const;
  throw partNotInBuild(part, flavor.name, 'openshell.telemetry.endpoint, which is set,');
}

/** Checks that this build has all configured parts except drivers. Errors as above. */
export function assertParts(flavor: Flavor, { database, telemetry }: GatewayConfig): void {
  storeOf(flavor, database);
  telemetryOf(flavor, telemetry);
}
