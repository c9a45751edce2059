import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PART_KINDS } from '../../../dist/compute/known-parts.js';
import { DEFAULT_FLAVOR, type FlavorSpec, wordsOf } from './flavor-spec.js';
import type { PartProject } from './projects.js';

/** The two files of a flavor: their paths from the repository's root, and their text. */
export interface FlavorSource {
  readonly tsconfig: SourceFile;
  readonly manifest: SourceFile;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** In every flavor: the gateway, its command line, and the contract that the manifest calls. */
const CORE_PROJECTS = ['src', 'src/cli', 'src/flavor'];

export function tsconfigPath(flavor: string): string {
  return flavor === DEFAULT_FLAVOR ? 'tsconfig.json' : `tsconfig.${flavor}.json`;
}

export function manifestPath(flavor: string): string {
  return `src/flavors/${flavor}/drivers.ts`;
}

/** `store-sqlite` as a variable name. */
function identifier(word: string): string {
  return word.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function renderTsconfig(spec: FlavorSpec, projects: readonly string[]): string {
  return `{
  "extends": "./tsconfig.base.json",
  "compilerOptions": {
    "rootDir": "src/flavors/${spec.name}",
    "outDir": "dist",
    "declarationDir": "dist/.flavor",
    "tsBuildInfoFile": "dist/.flavor.tsbuildinfo"
  },
  "files": ["${manifestPath(spec.name)}"],
  "references": [
${projects.map((path) => `    { "path": "${path}" }`).join(',\n')}
  ]
}
`;
}

function renderManifest({ name }: FlavorSpec, chosen: readonly PartProject[]): string {
  const imports = [
    ...chosen.map(({ word, specifier }) => `import ${identifier(word)} from '${specifier}';`),
    `import { flavor } from '#flavor';`,
  ].sort(bySpecifier);
  const fields = PART_KINDS.flatMap(({ kind, key, many }) => {
    const values = chosen.filter((part) => part.kind === kind).map(({ word }) => identifier(word));
    if (values.length === 0) {
      return [];
    }
    if (many) {
      return [`  ${key}: [${values.join(', ')}],`];
    }
    return [values[0] === key ? `  ${key},` : `  ${key}: ${values[0]},`];
  });
  return [...imports, '', `export default flavor('${name}', {`, ...fields, '});', ''].join('\n');
}

function bySpecifier(a: string, b: string): number {
  return specifierOf(a) < specifierOf(b) ? -1 : 1;
}

function specifierOf(line: string): string {
  return line.slice(line.indexOf("'"));
}

/** The same specification produces the same bytes. `available` has the projects of each part. */
export function flavorSource(spec: FlavorSpec, available: readonly PartProject[]): FlavorSource {
  const words = wordsOf(spec);
  const chosen = available.filter(({ word }) => words.includes(word));
  const projects = [...CORE_PROJECTS, ...chosen.flatMap((part) => part.projects)];
  return {
    tsconfig: { path: tsconfigPath(spec.name), text: renderTsconfig(spec, projects) },
    manifest: { path: manifestPath(spec.name), text: renderManifest(spec, chosen) },
  };
}

/** Writes both files if their text changes; returns the paths that it wrote. */
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
