import type { DriverProject } from '../choose/driver-projects.js';
import { type FlavorFiles, specOf } from '../choose/flavor-files.js';
import { flavorSource } from '../choose/flavor-source.js';

const DRIVER_PROJECT = /^src\/drivers\/([^/]+)$/;

/** Where a flavor's two files disagree, each as one line that says what to do; empty when they agree. */
export const disagreements = ({ name, tsconfig, manifest }: FlavorFiles): string[] => {
  const problems: string[] = [];
  if (manifest.flavorName === undefined) {
    return [`${manifest.path}: there is no 'export default flavor(...)'`];
  }
  if (manifest.flavorName !== name) {
    problems.push(
      `${manifest.path}: the flavor calls itself '${manifest.flavorName}' and its tsconfig is ${tsconfig.path}`,
    );
  }
  const imported = manifest.imports.flatMap(
    (specifier) => /^#drivers\/(.+)$/.exec(specifier)?.slice(1) ?? [],
  );
  const referenced = tsconfig.references.flatMap((path) => DRIVER_PROJECT.exec(path)?.slice(1) ?? []);
  for (const driver of imported) {
    if (!referenced.includes(driver)) {
      problems.push(
        `${tsconfig.path}: ${manifest.path} imports the driver '${driver}'; add { "path": "src/drivers/${driver}" } to references`,
      );
    }
    if (!manifest.listed.includes(driver)) {
      problems.push(`${manifest.path}: the driver '${driver}' is imported and not in the flavor's list`);
    }
  }
  for (const driver of referenced) {
    if (!imported.includes(driver)) {
      problems.push(
        `${tsconfig.path}: references the driver '${driver}', which ${manifest.path} does not import`,
      );
    }
  }
  const telemetry = tsconfig.references.includes('src/telemetry');
  if (telemetry !== manifest.imports.includes('#telemetry') || telemetry !== manifest.telemetry) {
    problems.push(
      `${tsconfig.path}: telemetry is ${telemetry ? '' : 'not '}referenced, and ${manifest.path} ${manifest.telemetry ? 'has it' : 'does not pass it on'}`,
    );
  }
  for (const specifier of manifest.imports) {
    if (!/^#(drivers\/[^/]+|flavor|telemetry)$/.test(specifier)) {
      problems.push(`${manifest.path}: imports '${specifier}', which is no part of a flavor`);
    }
  }
  return problems;
};

/** Whether the flavor's files are what the tool writes for it; one line a file that is not. */
export const drift = (files: FlavorFiles, available: readonly DriverProject[]): string[] => {
  const source = flavorSource(specOf(files), available);
  return [[source.tsconfig, files.tsconfig] as const, [source.manifest, files.manifest] as const].flatMap(
    ([generated, present]) =>
      generated.text === present.text
        ? []
        : [
            `${present.path}: differs from what the tool writes; run: npm run flavor -- regenerate ${files.name}`,
          ],
  );
};
