import { invalidArgument } from '../../../dist/compute/errors.js';
import { KNOWN_DRIVERS } from '../../../dist/compute/known-drivers.js';
import { nearest } from '../../../dist/kit/nearest.js';
import type { DriverProject } from './driver-projects.js';

/** What a flavor holds. Drivers are sorted by name, so that one choice has one spelling. */
export interface FlavorSpec {
  readonly name: string;
  readonly drivers: readonly string[];
  readonly telemetry: boolean;
}

export const DEFAULT_FLAVOR = 'default';
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const MAX_NAME_LENGTH = 48;
/** `tsconfig.base.json` is no flavor. */
const RESERVED = ['base'];

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value) => b.includes(value));

/** The name that a choice has when it is given none; `default` for every known driver with telemetry. */
export const nameOf = (drivers: readonly string[], telemetry: boolean): string => {
  const all = KNOWN_DRIVERS.map(({ name }) => name);
  if (telemetry && sameSet(drivers, all)) return DEFAULT_FLAVOR;
  const [first, ...rest] = [...drivers].sort();
  const alone = rest.length === 0 ? KNOWN_DRIVERS.find(({ name }) => name === first)?.flavor : undefined;
  return [...(alone === undefined ? [first, ...rest] : [alone]), ...(telemetry ? ['telemetry'] : [])].join(
    '-',
  );
};

/** @throws OpenShellError INVALID_ARGUMENT for a name that cannot be a file's, or that means something else */
export const checkName = (name: string): void => {
  if (!NAME.test(name) || name.length > MAX_NAME_LENGTH || RESERVED.includes(name)) {
    throw invalidArgument(`'${name}' cannot name a flavor`, {
      hint: `use at most ${MAX_NAME_LENGTH} lower-case letters, digits and single hyphens, not ${RESERVED.join(', ')}`,
    });
  }
};

/**
 * A choice as a flavor.
 *
 * @throws OpenShellError INVALID_ARGUMENT for no driver, one twice, one that has no source here, or a bad name
 */
export const flavorSpec = (
  drivers: readonly string[],
  options: { readonly telemetry: boolean; readonly name?: string | undefined },
  available: readonly DriverProject[],
): FlavorSpec => {
  const names = available.map(({ name }) => name);
  if (drivers.length === 0) {
    throw invalidArgument('a flavor needs at least one driver', { hint: `choose from ${names.join(', ')}` });
  }
  for (const [index, driver] of drivers.entries()) {
    if (!names.includes(driver)) throw noSuchDriver(driver, names);
    if (drivers.indexOf(driver) !== index) throw invalidArgument(`the driver '${driver}' is given twice`);
  }
  const name = options.name ?? nameOf(drivers, options.telemetry);
  checkName(name);
  return { name, drivers: [...drivers].sort(), telemetry: options.telemetry };
};

const noSuchDriver = (driver: string, names: readonly string[]) => {
  if (KNOWN_DRIVERS.some(({ name }) => name === driver)) {
    return invalidArgument(`the source of the driver '${driver}' is not in this checkout`, {
      hint: `src/drivers/${driver}/entry.ts is missing; choose from ${names.join(', ')}`,
    });
  }
  const byFlavor = KNOWN_DRIVERS.find(({ flavor }) => flavor === driver)?.name;
  const meant = byFlavor ?? nearest(driver, names);
  return invalidArgument(`there is no driver '${driver}' in src/drivers`, {
    hint: meant === undefined ? `choose from ${names.join(', ')}` : `did you mean '${meant}'?`,
  });
};
