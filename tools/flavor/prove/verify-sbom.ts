import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { sha256 } from '../package/files.js';
import { AGENT } from '../package/guest-agent.js';
import { type Artifact, agentIn, packagesIn } from './artifact.js';

interface Sbom {
  readonly components: readonly { readonly 'bom-ref': string; readonly version: string }[];
}

/**
 * Where an artifact and the SBOM beside it differ, in both directions: packages, versions where the artifact says
 * them, and for an image the files of the system. Empty when they are equal; undefined when there is no SBOM.
 */
export function sbomDifferences(artifact: Artifact): string[] | undefined {
  const path = `${artifact.path}.cdx.json`;
  if (!existsSync(path)) {
    return undefined;
  }
  const { components } = JSON.parse(readFileSync(path, 'utf8')) as Sbom;
  const listed = new Map(
    components
      .filter((component) => component['bom-ref'].includes('node_modules/'))
      .map((component) => [
        component['bom-ref'].slice(component['bom-ref'].indexOf('node_modules/')),
        component.version,
      ]),
  );
  const contained = packagesIn(artifact);
  return [
    ...[...contained.keys()]
      .filter((place) => !listed.has(place))
      .map((place) => `${place} is in ${basename(artifact.path)} and not in its SBOM`),
    ...[...listed.keys()]
      .filter((place) => !contained.has(place))
      .map((place) => `${place} is in the SBOM of ${basename(artifact.path)} and not in it`),
    ...[...listed]
      .filter(([place, version]) => (contained.get(place) || version) !== version)
      .map(
        ([place, version]) =>
          `${place} is ${contained.get(place)} in the artifact and ${version} in its SBOM`,
      ),
    ...systemDifferences(artifact, path),
    ...agentDifferences(artifact, path),
  ];
}

function agentDifferences(artifact: Artifact, sbomPath: string): string[] {
  const { components } = JSON.parse(readFileSync(sbomPath, 'utf8')) as {
    components: { 'bom-ref': string; hashes?: { content: string }[] }[];
  };
  const listed = components.find((component) => component['bom-ref'] === AGENT)?.hashes?.[0]?.content;
  const contained = agentIn(artifact);
  const found = contained === undefined ? undefined : sha256(contained);
  return listed === found
    ? []
    : [`${AGENT} is ${found ?? 'not'} in ${basename(artifact.path)} and ${listed ?? 'not'} in its SBOM`];
}

function systemDifferences({ kind, files }: Artifact, sbomPath: string): string[] {
  if (kind !== 'image') {
    return [];
  }
  const { components } = JSON.parse(readFileSync(sbomPath, 'utf8')) as {
    components: { properties?: { name: string; value: string }[] }[];
  };
  const listed = new Set(
    components.flatMap(({ properties = [] }) =>
      properties.filter(({ name }) => name === 'openshell:file').map(({ value }) => value.slice(1)),
    ),
  );
  const ours = /^(usr\/bin\/|etc\/(passwd|group)$)/;
  const system = files.map(({ path }) => path).filter((path) => !ours.test(path));
  return [
    ...system
      .filter((path) => !listed.has(path))
      .map((path) => `/${path} is in the image and not in its SBOM`),
    ...[...listed]
      .filter((path) => !system.includes(path))
      .map((path) => `/${path} is in the SBOM and not in the image`),
  ];
}
