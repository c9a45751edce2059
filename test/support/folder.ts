import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempFolder {
  readonly path: string;
  remove(): void;
}

/** A folder of its own below `parent`. */
export function tempFolder(parent = tmpdir()): TempFolder {
  const path = mkdtempSync(join(parent, 'openshell-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Gives `body` a folder, and removes it afterwards. */
export async function inFolder(body: (folder: string) => Promise<void> | void): Promise<void> {
  const { path, remove } = tempFolder();
  try {
    await body(path);
  } finally {
    remove();
  }
}
