import { resolve } from 'node:path';
import { invalidArgument } from '../../../dist/compute/errors.js';
import { flavorNames, readFlavor, specOf } from '../choose/flavor-files.js';
import { type FlavorSpec, flavorSpec, wordsOf } from '../choose/flavor-spec.js';
import { needsOf } from '../choose/from-config.js';
import { partProjects, usualParts } from '../choose/projects.js';
import type { Command } from '../command.js';
import { buildCommand, emit } from './generate.js';

function holdsTheSame(a: FlavorSpec, b: FlavorSpec): boolean {
  return wordsOf(a).join() === wordsOf(b).join();
}

export const fromConfig: Command = {
  name: 'from-config',
  usage: 'FILE [--name NAME] [--write] [--json]',
  doc: 'Find the smallest flavor that can run a configuration, with reasons.',
  texts: ['name'],
  flags: ['write', 'json'],
  async run(context) {
    const { root, cwd, positionals, print } = context;
    const [file, ...rest] = positionals;
    if (file === undefined || rest.length > 0) {
      throw invalidArgument('name one configuration file');
    }
    const { reasons, drivers, parts } = await needsOf(root, resolve(cwd, file));
    const name = context.text('name');
    const available = partProjects(root);
    const spec = flavorSpec({ drivers, with: parts, usual: false, name }, available);
    const present = flavorNames(root)
      .map((flavor) => specOf(readFlavor(root, flavor)))
      .find((flavor) => holdsTheSame(flavor, spec));
    if (context.flag('json')) {
      print(JSON.stringify({ ...(present ?? spec), exists: present !== undefined, reasons }, null, 2));
      return 0;
    }
    for (const reason of reasons) {
      print(reason);
    }
    if (present !== undefined) {
      print(`the flavor '${present.name}' matches: ${buildCommand(present)}`);
    } else if (context.flag('write')) {
      emit(context, spec);
    } else {
      const usual = usualParts(available);
      const more = spec.parts.filter((word) => !usual.includes(word));
      const less = usual.filter((word) => !spec.parts.includes(word));
      const options = [
        ...(more.length === 0 ? [] : ['--with', more.join()]),
        ...(less.length === 0 ? [] : ['--without', less.join()]),
      ];
      print(`write it with: npm run flavor -- ${[...spec.drivers, ...options].join(' ')}`);
    }
    return 0;
  },
};
