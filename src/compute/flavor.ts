import type { DriverEntry } from './entry.js';
import type { TelemetryEntry } from './telemetry.js';

/** What a build contains. */
export interface Flavor {
  readonly name: string;
  /** In the order given; the order of auto-detection is not decided here. */
  readonly drivers: readonly DriverEntry[];
  readonly telemetry: TelemetryEntry | undefined;
}

type Twice<D extends readonly DriverEntry[]> = D extends readonly [
  infer First extends DriverEntry,
  ...infer Rest extends readonly DriverEntry[],
]
  ? First['name'] extends Rest[number]['name']
    ? First['name']
    : Twice<Rest>
  : never;

type Checked<D extends readonly DriverEntry[]> = D extends readonly []
  ? 'A build needs at least one compute driver: import one from #drivers/<name>, put it into this list, and reference src/drivers/<name> in the flavor tsconfig.'
  : [Twice<D>] extends [never]
    ? unknown
    : `The driver '${Twice<D>}' is listed twice: remove one of the two.`;

/** Declares a flavor. An empty list of drivers, or one driver twice, does not compile. */
export function flavor<const D extends readonly DriverEntry[]>(
  name: string,
  drivers: D & Checked<D>,
  parts: { readonly telemetry?: TelemetryEntry } = {},
): Flavor {
  return { name, drivers: drivers as readonly DriverEntry[], telemetry: parts.telemetry };
}
