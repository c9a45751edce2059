import type { Footprint } from './measure.js';

/** A figure may grow by this much before the record must be updated. */
const TOLERANCE = 0.02;

const NUMBERS = ['bytesInstalled', 'bytesBundled', 'lines'] as const;

export interface Recorded {
  readonly footprint: Footprint;
  /** `name@version`. */
  readonly names: readonly string[];
}

/** `a@1.0` and `@a/b@1.0` without their version. */
function bare(name: string): string {
  return name.slice(0, name.lastIndexOf('@'));
}

/** What grew beyond the record, one line each; empty when nothing did. */
export function growth(recorded: readonly Recorded[], measured: readonly Recorded[]): string[] {
  return measured.flatMap(({ footprint, names }) => {
    const before = recorded.find((record) => record.footprint.flavor === footprint.flavor);
    if (before === undefined) {
      return [`${footprint.flavor}: is not in the record`];
    }
    const known = new Set(before.names.map(bare));
    const gained = names.filter((name) => !known.has(bare(name)));
    const scripts = footprint.installScripts.filter(
      (name) => !before.footprint.installScripts.includes(name),
    );
    return [
      ...NUMBERS.filter((key) => footprint[key] > before.footprint[key] * (1 + TOLERANCE)).map(
        (key) => `${footprint.flavor}: ${key} grew from ${before.footprint[key]} to ${footprint[key]}`,
      ),
      ...gained.map((name) => `${footprint.flavor}: gained the package ${name}`),
      ...scripts.map((name) => `${footprint.flavor}: gained an install script, of ${name}`),
    ];
  });
}

/** Flavors of the record that no longer exist. */
export function leftBehind(recorded: readonly Recorded[], flavors: readonly string[]): string[] {
  return recorded
    .map(({ footprint }) => footprint.flavor)
    .filter((flavor) => !flavors.includes(flavor))
    .map((flavor) => `${flavor}: is in the record and not in the repository`);
}
