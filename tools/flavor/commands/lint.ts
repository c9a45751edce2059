import { disagreements, drift } from '../checks/flavor-problems.js';
import { hashNames } from '../checks/hash-names.js';
import { lockProblems } from '../checks/lock.js';
import { partProblems } from '../checks/part-problems.js';
import { versionProblems } from '../checks/version.js';
import { flavorNames, readFlavor } from '../choose/flavor-files.js';
import { partProjects } from '../choose/projects.js';
import type { Command } from '../command.js';

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
    print(
      problems.length === 0 ? `${flavors.length} flavors, nothing to say` : `${problems.length} problems`,
    );
    return problems.length === 0 ? 0 : 1;
  },
};
