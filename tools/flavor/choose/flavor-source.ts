import type { DriverProject } from './driver-projects.js';
import { DEFAULT_FLAVOR, type FlavorSpec } from './flavor-spec.js';

/** The two files of a flavor: their paths from the repository's root, and their text. */
export interface FlavorSource {
  readonly tsconfig: SourceFile;
  readonly manifest: SourceFile;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const LINE_WIDTH = 110;
/** In every flavor: the gateway, its command line, and the contract that the manifest calls. */
const CORE_PROJECTS = ['src', 'src/cli', 'src/compute'];

export const tsconfigPath = (flavor: string): string =>
  flavor === DEFAULT_FLAVOR ? 'tsconfig.json' : `tsconfig.${flavor}.json`;

export const manifestPath = (flavor: string): string => `src/flavors/${flavor}/drivers.ts`;

/** `cloud-hypervisor` as a variable's name. */
const identifier = (name: string): string =>
  name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

const renderTsconfig = (spec: FlavorSpec, projects: readonly string[]): string => `{
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

const renderManifest = ({ name, drivers, telemetry }: FlavorSpec): string => {
  const values = drivers.map(identifier);
  const lines = drivers.map((driver, index) => `import ${values[index]} from '#drivers/${driver}';`);
  lines.push(`import { flavor } from '#flavor';`);
  if (telemetry) lines.push(`import telemetry from '#telemetry';`);
  const parts = telemetry ? ['{ telemetry }'] : [];
  const call = (list: string): string => [`'${name}'`, list, ...parts].join(', ');
  const oneLine = `export default flavor(${call(`[${values.join(', ')}]`)});`;
  const wrapped = ['export default flavor(', `  '${name}',`, `  [${values.join(', ')}],`];
  for (const part of parts) wrapped.push(`  ${part},`);
  lines.push('', ...(oneLine.length <= LINE_WIDTH ? [oneLine] : [...wrapped, ');']), '');
  return lines.join('\n');
};

/** The same specification gives the same bytes. `available` says which projects each driver has. */
export const flavorSource = (spec: FlavorSpec, available: readonly DriverProject[]): FlavorSource => {
  const projects = [
    ...CORE_PROJECTS,
    ...spec.drivers.flatMap((driver) => available.find(({ name }) => name === driver)?.projects ?? []),
    ...(spec.telemetry ? ['src/telemetry'] : []),
  ];
  return {
    tsconfig: { path: tsconfigPath(spec.name), text: renderTsconfig(spec, projects) },
    manifest: { path: manifestPath(spec.name), text: renderManifest(spec) },
  };
};
