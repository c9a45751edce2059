import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const SPECIFIER = /(?:from|import|import\(|require\()\s*['"](#[^'"]*)['"]/g;
/** main.ts imports the flavor's manifest; the manifests are the only other place for `#` names. */
const ALLOWED: readonly { readonly file: RegExp; readonly specifier: RegExp }[] = [
  { file: /^src\/flavors\/[^/]+\/drivers\.ts$/, specifier: /^#((drivers|parts)\/[^/]+|flavor)$/ },
  { file: /^src\/main\.ts$/, specifier: /^#drivers$/ },
];

/**
 * `#` names outside the files that may have them: they resolve through package.json to output that may be from another
 * build, and bypass the references that tsc checks for relative imports.
 */
export function hashNames(root: string): string[] {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.includes('/node_modules/') && !path.endsWith('.d.ts'))
    .sort()
    .flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(SPECIFIER)]
        .map(([, specifier = '']) => specifier)
        .filter((name) => !ALLOWED.some(({ file, specifier }) => file.test(path) && specifier.test(name)))
        .map(
          (name) => `${path}: imports '${name}'; only flavor manifests use '#' names; use a relative import`,
        ),
    );
}
