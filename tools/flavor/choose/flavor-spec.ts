import { invalidArgument } from '../../../dist/compute/errors.js';
import { KNOWN_DRIVERS, KNOWN_PARTS, PART_KINDS, wordOf } from '../../../dist/compute/known-parts.js';
import { partText } from '../../../dist/compute/parts.js';
import { didYouMean } from '../../../dist/kit/nearest.js';
import { type PartProject, usualParts } from './projects.js';

/** The parts of a flavor, by their words; sorted lists, so that one choice has one spelling. */
export interface FlavorSpec {
  readonly name: string;
  readonly drivers: readonly string[];
  /** Parts of all other kinds, e.g. `store-sqlite`. */
  readonly parts: readonly string[];
}

export const DEFAULT_FLAVOR = 'default';
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const MAX_NAME_LENGTH = 48;
/** `tsconfig.base.json` is not a flavor. */
const RESERVED = ['base'];

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value) => b.includes(value));
}

/** Every part of a flavor. */
export function wordsOf({ drivers, parts }: Pick<FlavorSpec, 'drivers' | 'parts'>): string[] {
  return [...drivers, ...parts];
}

const KNOWN_OTHERS = KNOWN_PARTS.filter(({ kind }) => kind !== 'driver').map((part) => ({
  word: wordOf(part),
  usual: part.usual,
}));

/** The default name of a choice; `default` for every known part. */
export function nameOf(drivers: readonly string[], parts: readonly string[]): string {
  const all = KNOWN_DRIVERS.map(({ name }) => name);
  const others = KNOWN_OTHERS.map(({ word }) => word);
  if (sameSet(drivers, all) && sameSet(parts, others)) {
    return DEFAULT_FLAVOR;
  }
  const [first, ...rest] = [...drivers].sort();
  const alone = rest.length === 0 ? KNOWN_DRIVERS.find(({ name }) => name === first)?.flavor : undefined;
  const usual = KNOWN_OTHERS.filter((part) => part.usual).map(({ word }) => word);
  const more = [...parts].filter((word) => !usual.includes(word)).sort();
  const less = usual.filter((word) => !parts.includes(word)).sort();
  return [
    ...(alone === undefined ? [first, ...rest] : [alone]),
    ...more,
    ...(less.length === 0 ? [] : ['without', ...less]),
  ].join('-');
}

/** @throws OpenShellError INVALID_ARGUMENT for a name that is not a file name, or is reserved */
export function checkName(name: string): void {
  if (!NAME.test(name) || name.length > MAX_NAME_LENGTH || RESERVED.includes(name)) {
    throw invalidArgument(`'${name}' cannot name a flavor`, {
      hint: `use at most ${MAX_NAME_LENGTH} lower-case letters, digits and single hyphens, not ${RESERVED.join(', ')}`,
    });
  }
}

export interface FlavorChoice {
  readonly drivers: readonly string[];
  /** Parts beside the usual ones, or all of them where `usual` is false. */
  readonly with?: readonly string[];
  /** Usual parts to leave out. */
  readonly without?: readonly string[];
  /** Whether the usual parts are included. Default: true */
  readonly usual?: boolean;
  readonly name?: string | undefined;
}

/**
 * A choice as a flavor.
 *
 * @throws OpenShellError INVALID_ARGUMENT without a driver or store, for one twice or without source, or a bad name
 */
export function flavorSpec(choice: FlavorChoice, available: readonly PartProject[]): FlavorSpec {
  const { drivers, with: more = [], without = [], usual = true } = choice;
  const names = available.filter(({ kind }) => kind === 'driver').map(({ word }) => word);
  if (drivers.length === 0) {
    throw invalidArgument('a flavor needs at least one driver', { hint: `choose from ${names.join(', ')}` });
  }
  for (const [index, driver] of drivers.entries()) {
    if (!names.includes(driver)) {
      throw noSuchDriver(driver, names);
    }
    if (drivers.indexOf(driver) !== index) {
      throw invalidArgument(`the driver '${driver}' is given twice`);
    }
  }
  for (const word of [...more, ...without]) {
    requirePart(word, available);
  }
  const both = more.find((word) => without.includes(word));
  if (both !== undefined) {
    throw invalidArgument(`the part '${both}' is both included and left out`);
  }
  const parts = [...new Set([...(usual ? usualParts(available) : []), ...more])]
    .filter((word) => !without.includes(word))
    .sort();
  requireKinds(parts, available);
  const name = choice.name ?? nameOf(drivers, parts);
  checkName(name);
  return { name, drivers: [...drivers].sort(), parts };
}

/** Requires that a part other than a driver has its source here. */
export function requirePart(word: string, available: readonly PartProject[]): void {
  const words = available.filter(({ kind }) => kind !== 'driver').map((part) => part.word);
  if (words.includes(word)) {
    return;
  }
  throw invalidArgument(`there is no part '${word}' in src/parts`, {
    hint: didYouMean(word, words, `choose from ${words.join(', ')}`),
  });
}

/** Requires every kind that a build needs, and at most one part of a kind that allows only one. */
function requireKinds(parts: readonly string[], available: readonly PartProject[]): void {
  for (const { kind, many, required } of PART_KINDS) {
    if (kind === 'driver') {
      continue;
    }
    const ofKind = available.filter((project) => project.kind === kind);
    const chosen = ofKind.filter(({ word }) => parts.includes(word));
    if (required && chosen.length === 0) {
      throw invalidArgument(`a flavor needs at least one ${kind}`, {
        hint: `choose from ${ofKind.map(({ word }) => word).join(', ')}`,
      });
    }
    if (!many && chosen.length > 1) {
      throw invalidArgument(
        `a flavor takes one part of the kind ${kind}, not ${chosen.map(partText).join(' and ')}`,
      );
    }
  }
}

function noSuchDriver(driver: string, names: readonly string[]) {
  if (KNOWN_DRIVERS.some(({ name }) => name === driver)) {
    return invalidArgument(`the source of the driver '${driver}' is not in this checkout`, {
      hint: `src/drivers/${driver}/entry.ts is missing; choose from ${names.join(', ')}`,
    });
  }
  const byFlavor = KNOWN_DRIVERS.find(({ flavor }) => flavor === driver)?.name;
  return invalidArgument(`there is no driver '${driver}' in src/drivers`, {
    hint: didYouMean(byFlavor ?? driver, names, `choose from ${names.join(', ')}`),
  });
}
