import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERSION } from '../../../dist/compute/version.js';
import { disagreements, drift } from '../checks/flavor-problems.js';
import { hashNames } from '../checks/hash-names.js';
import { lockProblems } from '../checks/lock.js';
import { partProblems } from '../checks/part-problems.js';
import { flavorNames, readFlavor } from '../choose/flavor-files.js';
import { partProjects } from '../choose/projects.js';
import type { Command } from '../command.js';

/** Checks that every package of the repository has the version that the gateway reports. */
function versionProblems(root: string): string[] {
  function read(path: string) {
    return JSON.parse(readFileSync(join(root, path), 'utf8')) as { version: string; workspaces?: string[] };
  }

  const { workspaces = [] } = read('package.json');
  return ['package.json', ...workspaces.map((folder) => `${folder}/package.json`)]
    .filter((path) => read(path).version !== VERSION)
    .map((path) => `${path}: version is ${read(path).version}, but src/compute/version.ts has ${VERSION}`);
}

export const lint: Command = {
  name: 'lint',
  usage: '',
  doc: 'Check the flavors, the lock file and the version of this checkout.',
  async run({ root, print }) {
    const available = partProjects(root);
    const flavors = flavorNames(root).map((name) => readFlavor(root, name));
    const problems = [
      ...flavors.flatMap((files) => {
        const found = disagreements(files);
        return found.length > 0 ? found : drift(files, available);
      }),
      ...hashNames(root),
      ...partProblems(root, available),
      ...lockProblems(root),
      ...versionProblems(root),
    ];
    for (const problem of problems) {
      print(problem);
    }
    print(problems.length === 0 ? `${flavors.length} flavors, no problems` : `${problems.length} problems`);
    return problems.length === 0 ? 0 : 1;
  },
};
