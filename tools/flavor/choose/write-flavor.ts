import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FlavorSource } from './flavor-source.js';

/** Writes both files where their text changes; gives the paths that it wrote. */
export function writeFlavor(root: string, { tsconfig, manifest }: FlavorSource): string[] {
  return [tsconfig, manifest].flatMap(({ path, text }) => {
    const target = join(root, path);
    if (existsSync(target) && readFileSync(target, 'utf8') === text) {
      return [];
    }
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    return [path];
  });
}
