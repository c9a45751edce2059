import type { DriverEntry } from '../compute/entry.js';
import { KNOWN_PARTS, type KnownPart } from '../compute/known-parts.js';
import type { TelemetryEntry } from '../compute/telemetry.js';
import type { StoreEntry } from '../store/entry.js';

/** The kinds of parts that a flavor chooses from. A new kind adds a line here and one in `Flavor`. */
export interface FlavorParts {
  readonly drivers?: readonly DriverEntry[];
  readonly stores?: readonly StoreEntry[];
  readonly telemetry?: TelemetryEntry;
}

/** What a build contains. */
export interface Flavor {
  readonly name: string;
  /** In the order given; it does not affect the order of auto-detection. */
  readonly drivers: readonly DriverEntry[];
  readonly stores: readonly StoreEntry[];
  readonly telemetry: TelemetryEntry | undefined;
}

/** Every part of a build, whatever its kind. */
export type Part = DriverEntry | StoreEntry | TelemetryEntry;

interface Named {
  readonly name: string;
}

type Twice<L> = L extends readonly [infer First extends Named, ...infer Rest extends readonly Named[]]
  ? First['name'] extends Rest[number]['name']
    ? First['name']
    : Twice<Rest>
  : never;

type IsEmpty<L> = L extends readonly [unknown, ...unknown[]] ? false : true;

type ListOf<P extends FlavorParts, K extends keyof FlavorParts> = K extends keyof P ? P[K] : undefined;

/** What is wrong with a choice, as a sentence in the compiler's error; never when nothing is. */
type Complaint<P extends FlavorParts> =
  IsEmpty<ListOf<P, 'drivers'>> extends true
    ? 'A build needs at least one compute driver: import one from #drivers/<name>, add it to drivers, and reference src/drivers/<name> in the flavor tsconfig.'
    : IsEmpty<ListOf<P, 'stores'>> extends true
      ? 'A build needs at least one store: import one from #parts/store-<name>, add it to stores, and reference src/parts/store-<name> in the flavor tsconfig.'
      : [Twice<ListOf<P, 'drivers'>>] extends [never]
        ? [Twice<ListOf<P, 'stores'>>] extends [never]
          ? [Exclude<keyof P, keyof FlavorParts>] extends [never]
            ? never
            : `There is no kind of parts '${Exclude<keyof P, keyof FlavorParts> & string}': src/flavor/flavor.ts has them all.`
          : `The store '${Twice<ListOf<P, 'stores'>>}' is listed twice: remove one of the two.`
        : `The driver '${Twice<ListOf<P, 'drivers'>>}' is listed twice: remove one of the two.`;

/** Declares a flavor. Does not compile without a driver or a store, or with a part listed twice. */
export function flavor<const P extends FlavorParts>(
  name: string,
  parts: P & ([Complaint<P>] extends [never] ? unknown : Complaint<P>),
): Flavor {
  const { drivers = [], stores = [], telemetry } = parts as FlavorParts;
  return { name, drivers, stores, telemetry };
}

/** All parts of a build. */
export function partsOf({ drivers, stores, telemetry }: Flavor): readonly Part[] {
  return [...drivers, ...stores, ...(telemetry === undefined ? [] : [telemetry])];
}

/** Whether the project has a part and this build does not. */
export function isLeftOut(flavor: Flavor, { kind, name }: Pick<KnownPart, 'kind' | 'name'>): boolean {
  function isIt(part: Pick<KnownPart, 'kind' | 'name'>): boolean {
    return part.kind === kind && part.name === name;
  }

  return KNOWN_PARTS.some(isIt) && !partsOf(flavor).some(isIt);
}
