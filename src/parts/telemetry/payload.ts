import { KNOWN_DRIVERS } from '../../compute/known-parts.js';
import type { GatewayEvent } from '../../compute/telemetry.js';

/** The drivers that an event may name; any other is `unknown`, so that no user-chosen name leaves the machine. */
const NAMED_DRIVERS: ReadonlySet<string> = new Set(KNOWN_DRIVERS.map(({ name }) => name));

type Parameters = Readonly<Record<string, string | number | boolean>>;

function describe(event: GatewayEvent): { name: string; parameters: Parameters } {
  switch (event.kind) {
    case 'sandbox-lifecycle':
      return {
        name: 'openshell_lifecycle_event',
        parameters: { resource: 'sandbox', operation: event.operation, outcome: event.outcome },
      };
    case 'sandbox-create':
      return {
        name: 'openshell_sandbox_create_event',
        parameters: {
          outcome: event.outcome,
          requestedGpu: event.requestedGpu,
          // Not supported yet: a create with one is refused.
          providerCount: 0,
          hasCustomPolicy: false,
          templateSource: event.image === 'default' ? 'default' : 'image',
          computeDriver: NAMED_DRIVERS.has(event.driver) ? event.driver : 'unknown',
        },
      };
  }
}

/** One event as the body of its POST. Nothing in it identifies an installation. */
export function payload(event: GatewayEvent, version: string, atMs: number): string {
  const at = new Date(atMs).toISOString();
  return JSON.stringify({
    product: 'openshell-gateway',
    version,
    architecture: process.arch,
    sentAt: at,
    events: [{ ...describe(event), at }],
  });
}
