import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERSION } from '../../../dist/compute/version.js';

/** Whether every package of the repository has the version that the gateway reports. */
export function versionProblems(root: string): string[] {
  function read(path: string) {
    return JSON.parse(readFileSync(join(root, path), 'utf8')) as { version: string; workspaces?: string[] };
  }

  const { workspaces = [] } = read('package.json');
  return ['package.json', ...workspaces.map((folder) => `${folder}/package.json`)]
    .filter((path) => read(path).version !== VERSION)
    .map((path) => `${path}: version is ${read(path).version}, and src/compute/version.ts says ${VERSION}`);
}
