import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
/** Not linted, not committed, and below the repository, so that node_modules is found. */
const BUILDS = join(ROOT, '.cache', 'bench');

/**
 * Builds a flavor in a folder of its own from the sources as they are, so that flavors stand side by side and dist/
 * stays as it is. Gives the path of its dist folder.
 */
export function buildFlavor(flavor) {
  const folder = join(BUILDS, flavor);
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, 'src'), { recursive: true, force: true });
  const configs = readdirSync(ROOT).filter((name) => /^tsconfig.*\.json$/.test(name));
  for (const name of ['src', 'scripts', 'package.json', ...configs]) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true, preserveTimestamps: true });
  }
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const tsconfig = join(folder, flavor === 'default' ? 'tsconfig.json' : `tsconfig.${flavor}.json`);
  if (!existsSync(tsconfig)) {
    throw new Error(`there is no flavor '${flavor}'`);
  }
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-b', tsconfig], { encoding: 'utf8' });
  if (status !== 0) {
    throw new Error(`flavor '${flavor}' does not build:\n${stdout}`);
  }
  return join(folder, 'dist');
}
