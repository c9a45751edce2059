import { flavorNames, readFlavor, specOf } from '../choose/flavor-files.js';
import { flavorSource, writeFlavor } from '../choose/flavor-source.js';
import { partProjects } from '../choose/projects.js';
import type { Command } from '../command.js';

export const regenerate: Command = {
  name: 'regenerate',
  usage: '[FLAVOR...]',
  doc: 'Rewrite flavors from what their manifests list.',
  async run({ root, positionals, print }) {
    const available = partProjects(root);
    const names = positionals.length === 0 ? flavorNames(root) : positionals;
    const written = names.flatMap((name) =>
      writeFlavor(root, flavorSource(specOf(readFlavor(root, name)), available)),
    );
    for (const path of written) {
      print(`wrote ${path}`);
    }
    if (written.length === 0) {
      print('every flavor is up to date');
    }
    return 0;
  },
};
