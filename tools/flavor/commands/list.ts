import { flavorNames, readFlavor, specOf } from '../choose/flavor-files.js';
import { tsconfigPath } from '../choose/flavor-source.js';
import { DEFAULT_FLAVOR } from '../choose/flavor-spec.js';
import type { Command } from '../command.js';

export const list: Command = {
  name: 'list',
  usage: '[--json]',
  doc: 'Show every flavor and its parts.',
  flags: ['json'],
  async run({ root, flag, print }) {
    const flavors = flavorNames(root).map((name) => ({
      ...specOf(readFlavor(root, name)),
      tsconfig: tsconfigPath(name),
    }));
    if (flag('json')) {
      print(JSON.stringify({ flavors }, null, 2));
      return 0;
    }
    const width = Math.max(...flavors.map(({ name }) => name.length), DEFAULT_FLAVOR.length);
    for (const { name, drivers, parts } of flavors) {
      print(`${name.padEnd(width)}  ${drivers.join(', ')}; ${parts.join(', ')}`);
    }
    return 0;
  },
};
