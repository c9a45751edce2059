import { type FlavorFiles, specOf } from '../choose/flavor-files.js';
import { flavorSource } from '../choose/flavor-source.js';
import type { PartProject } from '../choose/projects.js';

const PART_PROJECT = /^src\/((?:drivers|parts)\/[^/]+)$/;
const PART_IMPORT = /^#((?:drivers|parts)\/[^/]+)$/;

/** `drivers/docker` for messages: the driver 'docker'. */
function called(path: string): string {
  return path.replace(/^(driver|part)s\/(.*)$/, (_, room: string, word: string) => `the ${room} '${word}'`);
}

/** Where a flavor's two files disagree, one line each that says what to do; empty when they agree. */
export function disagreements({ name, tsconfig, manifest }: FlavorFiles): string[] {
  const problems: string[] = [];
  if (manifest.flavorName === undefined) {
    return [`${manifest.path}: there is no 'export default flavor(...)'`];
  }
  if (manifest.flavorName !== name) {
    problems.push(
      `${manifest.path}: the flavor is named '${manifest.flavorName}' but its tsconfig is ${tsconfig.path}`,
    );
  }
  const imported = manifest.imports.flatMap((specifier) => PART_IMPORT.exec(specifier)?.slice(1) ?? []);
  const referenced = tsconfig.references.flatMap((path) => PART_PROJECT.exec(path)?.slice(1) ?? []);
  for (const part of imported) {
    if (!referenced.includes(part)) {
      problems.push(
        `${tsconfig.path}: ${manifest.path} imports ${called(part)}; add { "path": "src/${part}" } to references`,
      );
    }
    if (!manifest.listed.includes(`#${part}`)) {
      problems.push(`${manifest.path}: ${called(part)} is imported but not passed to flavor()`);
    }
  }
  for (const part of referenced) {
    if (!imported.includes(part)) {
      problems.push(`${tsconfig.path}: references ${called(part)}, which ${manifest.path} does not import`);
    }
  }
  for (const specifier of manifest.imports) {
    if (!PART_IMPORT.test(specifier) && specifier !== '#flavor') {
      problems.push(`${manifest.path}: imports '${specifier}', which is not part of a flavor`);
    }
  }
  return problems;
}

/** Compares the flavor's files with what the tool writes for it; one line for each that differs. */
export function drift(files: FlavorFiles, available: readonly PartProject[]): string[] {
  const source = flavorSource(specOf(files), available);
  return [[source.tsconfig, files.tsconfig] as const, [source.manifest, files.manifest] as const].flatMap(
    ([generated, present]) =>
      generated.text === present.text
        ? []
        : [
            `${present.path}: differs from what the tool writes; run: npm run flavor -- regenerate ${files.name}`,
          ],
  );
}
