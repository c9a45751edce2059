/** What kinds of parts there are. Adding a kind adds a line here, and one in `FlavorParts`. */
export const PART_KINDS = [
  /** `key`: the flavor's list of them. `many`: a build may have several. `required`: it needs at least one. */
  { kind: 'driver', key: 'drivers', many: true, required: true },
  { kind: 'store', key: 'stores', many: true, required: true },
  { kind: 'telemetry', key: 'telemetry', many: false, required: false },
] as const;

export type PartKind = (typeof PART_KINDS)[number]['kind'];

/** A part that this project can build, whether or not it is in this build. */
export interface KnownPart {
  readonly kind: PartKind;
  /** As in its entry. */
  readonly name: string;
  /** Whether a flavor has it by default. A driver is chosen by name. */
  readonly usual: boolean;
}

/** A driver that this project can build. */
export interface KnownDriver extends KnownPart {
  readonly kind: 'driver';
  /** The committed flavor that holds this driver alone. */
  readonly flavor: string;
  /** The command that builds that flavor. */
  readonly command: string;
}

export interface KnownStore extends KnownPart {
  readonly kind: 'store';
  /** Of the database URLs that it opens, in lower case. */
  readonly schemes: readonly string[];
}

function driver(name: string, flavor: string): KnownDriver {
  return { kind: 'driver', name, usual: false, flavor, command: `npm run build -- ${flavor}` };
}

/** Every driver, in the order in which auto-detection tries them. Adding a driver adds a line here. */
export const KNOWN_DRIVERS: readonly KnownDriver[] = [
  driver('kubernetes', 'k8s'),
  driver('podman', 'podman'),
  driver('docker', 'docker'),
  driver('vm', 'vm'),
];

/** Every store. Adding a store adds a line here. */
export const KNOWN_STORES: readonly KnownStore[] = [
  { kind: 'store', name: 'sqlite', usual: true, schemes: ['sqlite'] },
];

/** Every part of every kind; the order is that of lists. Adding a part of another kind adds a line here. */
export const KNOWN_PARTS: readonly KnownPart[] = [
  ...KNOWN_DRIVERS,
  ...KNOWN_STORES,
  { kind: 'telemetry', name: 'telemetry', usual: false },
];

/** A part as commands name it, unique among all: a driver's name, else its folder in src/parts. */
export function wordOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return kind === 'driver' || kind === name ? name : `${kind}-${name}`;
}
