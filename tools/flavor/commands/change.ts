import { invalidArgument } from '../../../dist/compute/errors.js';
import { readFlavor, specOf } from '../choose/flavor-files.js';
import { type FlavorSpec, flavorSpec, wordsOf } from '../choose/flavor-spec.js';
import { partProjects } from '../choose/projects.js';
import type { Command, CommandContext } from '../command.js';
import { emit } from './generate.js';

/** A flavor's name and the parts to add or remove, by their words. */
function read({ root, positionals }: CommandContext) {
  const [name, ...words] = positionals;
  if (name === undefined || words.length === 0) {
    throw invalidArgument('name a flavor and what to change', { hint: 'e.g. add docker vm telemetry' });
  }
  return { flavor: specOf(readFlavor(root, name)), words };
}

function change(context: CommandContext, { name, drivers, parts }: FlavorSpec): number {
  emit(context, flavorSpec({ name, drivers, with: parts, usual: false }, partProjects(context.root)));
  return 0;
}

const flags = ['dry-run'];

export const add: Command = {
  name: 'add',
  usage: 'FLAVOR PART... [--dry-run]',
  doc: 'Add drivers, or parts such as telemetry, to a flavor.',
  flags,
  async run(context) {
    const { flavor, words } = read(context);
    const others = partProjects(context.root).filter(({ kind }) => kind !== 'driver');
    function isOther(word: string): boolean {
      return others.some((part) => part.word === word);
    }

    return change(context, {
      name: flavor.name,
      drivers: [...flavor.drivers, ...words.filter((word) => !isOther(word))],
      parts: [...flavor.parts, ...words.filter(isOther)],
    });
  },
};

export const remove: Command = {
  name: 'remove',
  usage: 'FLAVOR PART... [--dry-run]',
  doc: 'Remove drivers, or parts such as telemetry, from a flavor.',
  flags,
  async run(context) {
    const { flavor, words } = read(context);
    const held = wordsOf(flavor);
    const missing = words.find((word) => !held.includes(word));
    if (missing !== undefined) {
      throw invalidArgument(`the flavor '${flavor.name}' has no part '${missing}'`, {
        hint: `it has ${held.join(', ')}`,
      });
    }
    function left(list: readonly string[]): string[] {
      return list.filter((word) => !words.includes(word));
    }

    return change(context, { name: flavor.name, drivers: left(flavor.drivers), parts: left(flavor.parts) });
  },
};
