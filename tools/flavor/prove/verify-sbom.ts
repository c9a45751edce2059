import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { sha256 } from '../package/files.js';
import { AGENT } from '../package/guest-agent.js';
import type { Component } from '../package/sbom.js';
import { type Artifact, agentIn, packagesIn } from './artifact.js';

/**
 * Where an artifact and the SBOM beside it differ, in both directions: packages, versions where the artifact has
 * them, and for an image the files of the system. Empty when they are equal; undefined when there is no SBOM.
 */
export function sbomDifferences(artifact: Artifact): string[] | undefined {
  const path = `${artifact.path}.cdx.json`;
  if (!existsSync(path)) {
    return undefined;
  }
  const { components } = JSON.parse(readFileSync(path, 'utf8')) as {
    components: Component[];
  };
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
      .map((place) => `${place} is in ${basename(artifact.path)} but not in its SBOM`),
    ...[...listed.keys()]
      .filter((place) => !contained.has(place))
      .map((place) => `${place} is in the SBOM of ${basename(artifact.path)} but not in it`),
    ...[...listed]
      .filter(([place, version]) => (contained.get(place) || version) !== version)
      .map(
        ([place, version]) =>
          `${place} is ${contained.get(place)} in the artifact and ${version} in its SBOM`,
      ),
    ...systemDifferences(artifact, components),
    ...agentDifferences(artifact, components),
  ];
}

function agentDifferences(artifact: Artifact, components: readonly Component[]): string[] {
  const listed = components.find((component) => component['bom-ref'] === AGENT)?.hashes?.[0]?.content;
  const contained = agentIn(artifact);
  const found = contained === undefined ? undefined : sha256(contained);
  return listed === found
    ? []
    : [`${AGENT} is ${found ?? 'not'} in ${basename(artifact.path)} and ${listed ?? 'not'} in its SBOM`];
}

function systemDifferences({ kind, files }: Artifact, components: readonly Component[]): string[] {
  if (kind !== 'image') {
    return [];
  }
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
      .map((path) => `/${path} is in the image but not in its SBOM`),
    ...[...listed]
      .filter((path) => !system.includes(path))
      .map((path) => `/${path} is in the SBOM but not in the image`),
  ];
}
