import type { FlavorSpec } from '../choose/flavor-spec.js';

export const ARTIFACT_KINDS = ['folder', 'tgz', 'bundle', 'executable', 'image'] as const;
export type ArtifactKind = (typeof ARTIFACT_KINDS)[number];

/** The name that all artifacts of one packaging begin with. */
export function baseName({ name }: FlavorSpec, version: string): string {
  return `openshell-gateway-${name}-${version}`;
}

/** The file name of an artifact; `platform` as in Node, e.g. `linux-x64`. */
export function artifactName(kind: ArtifactKind, base: string, platform: string): string {
  return {
    folder: base,
    tgz: `${base}.tgz`,
    bundle: `${base}.cjs`,
    executable: `${base}-${platform}`,
    image: `${base}-${platform}.oci.tar`,
  }[kind];
}

/** The file that lists one packaging's artifacts, beside them. */
export function manifestName(base: string): string {
  return `${base}.manifest.json`;
}

/** The SBOM beside an artifact. */
export function sbomName(artifact: string): string {
  return `${artifact}.cdx.json`;
}

const PLATFORM = '-(?:linux|darwin)-[a-z0-9]+';

/** The base that `artifactName` was called with. */
export function baseOf(kind: ArtifactKind, name: string): string {
  return {
    folder: name,
    tgz: name.replace(/\.tgz$/, ''),
    bundle: name.replace(/\.cjs$/, ''),
    executable: name.replace(new RegExp(`${PLATFORM}$`), ''),
    image: name.replace(new RegExp(`${PLATFORM}\\.oci\\.tar$`), ''),
  }[kind];
}

/** The kind of an artifact, by its name; undefined for any other name. */
export function kindOf(name: string, isFolder: boolean): ArtifactKind | undefined {
  if (isFolder) {
    return 'folder';
  }
  if (name.endsWith('.tgz')) {
    return 'tgz';
  }
  if (name.endsWith('.cjs')) {
    return 'bundle';
  }
  if (name.endsWith('.oci.tar')) {
    return 'image';
  }
  return new RegExp(`${PLATFORM}$`).test(name) ? 'executable' : undefined;
}
