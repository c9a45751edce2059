import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const MARKER = /^\s*marker: '([^']+)',$/m;

/** The marker in a project's entry, from its source; undefined when there is none. */
export const markerOf = (root: string, folder: string): string | undefined => {
  const path = join(root, folder, 'entry.ts');
  return existsSync(path) ? MARKER.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
};
