import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

const SOURCES = join(import.meta.dirname, '..', '..', 'src');

/** Relative imports of a file, of types alone and of what loads later too. */
function importsOf(text: string): string[] {
  return [...text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)\.js'/g)].map(([, path]) => `${path}.ts`);
}

/** Circles of files, each as the files on it in the order in which they import. */
function circlesOf(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  function walk(file: string): void {
    const at = path.indexOf(file);
    if (at !== -1) {
      circles.push(path.slice(at));
      return;
    }
    if (done.has(file)) {
      return;
    }
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      walk(next);
    }
    path.pop();
    done.add(file);
  }
  for (const file of graph.keys()) {
    walk(file);
  }
  return circles;
}

test('no file of src/ imports itself, by whatever way round', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !file.includes('generated'),
  );
  assert.ok(files.length > 400);
  const graph = new Map(
    files.map((file) => {
      const imports = importsOf(readFileSync(join(SOURCES, file), 'utf8'));
      return [file, imports.map((path) => resolve('/', dirname(file), path).slice(1))];
    }),
  );
  const known = [...graph.values()].flat().filter((file) => graph.has(file));
  assert.ok(known.length > 1_000, 'imports are found');
  assert.deepEqual(circlesOf(graph), []);
});

test('a circle of types and one of what loads later are found', () => {
  const texts = {
    'a.ts': "import type { B } from './b.js';",
    'b.ts': "export const load = () => import('./c.js');",
    'c.ts': "export { a } from './a.js';\nimport './d.js';",
    'd.ts': '',
  };
  const graph = new Map(
    Object.entries(texts).map(([file, text]) => [file, importsOf(text).map((path) => path.slice(2))]),
  );
  assert.deepEqual(circlesOf(graph), [['a.ts', 'b.ts', 'c.ts']]);
});
