import { invalidArgument } from '../../../dist/compute/errors.js';
import { driverProjects } from '../choose/driver-projects.js';
import { readFlavor, specOf } from '../choose/flavor-files.js';
import { flavorSpec } from '../choose/flavor-spec.js';
import type { Command, CommandContext } from '../command.js';
import { emit } from './generate.js';

const TELEMETRY = 'telemetry';

/** A flavor's name and the parts to add or to take out. */
const read = ({ root, positionals }: CommandContext) => {
  const [name, ...parts] = positionals;
  if (name === undefined || parts.length === 0) {
    throw invalidArgument('name a flavor and what to change', { hint: 'e.g. add docker vm telemetry' });
  }
  return {
    flavor: specOf(readFlavor(root, name)),
    parts,
    drivers: parts.filter((part) => part !== TELEMETRY),
  };
};

const options = { 'dry-run': { type: 'boolean' } } as const;

export const add: Command = {
  name: 'add',
  usage: 'FLAVOR DRIVER|telemetry... [--dry-run]',
  doc: 'Put drivers or telemetry into a flavor.',
  options,
  async run(context) {
    const { flavor, parts, drivers } = read(context);
    const telemetry = flavor.telemetry || parts.includes(TELEMETRY);
    const choice = [...flavor.drivers, ...drivers];
    emit(context, flavorSpec(choice, { telemetry, name: flavor.name }, driverProjects(context.root)));
    return 0;
  },
};

export const remove: Command = {
  name: 'remove',
  usage: 'FLAVOR DRIVER|telemetry... [--dry-run]',
  doc: 'Take drivers or telemetry out of a flavor.',
  options,
  async run(context) {
    const { flavor, parts, drivers } = read(context);
    const missing = drivers.find((driver) => !flavor.drivers.includes(driver));
    if (missing !== undefined) {
      throw invalidArgument(`the flavor '${flavor.name}' has no driver '${missing}'`, {
        hint: `it has ${flavor.drivers.join(', ')}`,
      });
    }
    const choice = flavor.drivers.filter((driver) => !drivers.includes(driver));
    const telemetry = flavor.telemetry && !parts.includes(TELEMETRY);
    emit(context, flavorSpec(choice, { telemetry, name: flavor.name }, driverProjects(context.root)));
    return 0;
  },
};
