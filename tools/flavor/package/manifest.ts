import type { FlavorSpec } from '../choose/flavor-spec.js';
import type { ArtifactKind } from './artifacts.js';
import { sha256 } from './files.js';
import type { TarEntry } from './formats/tar.js';
import type { Release } from './release.js';

export interface ManifestFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export interface ManifestArtifact {
  readonly kind: ArtifactKind;
  readonly name: string;
  /** The range of Node releases that it needs on the host; empty for one that brings its own. */
  readonly node: string;
  /** How many npm packages are in it. */
  readonly packages: number;
  /** Its files: itself, or every file of a folder. */
  readonly files: readonly ManifestFile[];
}

/** What one packaging made. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly flavor: string;
  readonly drivers: readonly string[];
  readonly telemetry: boolean;
  readonly build: string;
  readonly source_date_epoch: number;
  /** The compiled guest agent that every artifact ships; left out where there is none. */
  readonly agent?: { readonly size: number; readonly sha256: string };
  readonly artifacts: readonly ManifestArtifact[];
}

const fileOf = (path: string, bytes: Uint8Array): ManifestFile => ({
  path,
  size: bytes.length,
  sha256: sha256(bytes),
});

export const singleFile = fileOf;

/** Digests of all files of a folder. */
export const folderFiles = (entries: readonly TarEntry[]): ManifestFile[] =>
  entries.flatMap((entry) => (entry.type === 'file' ? [fileOf(entry.path, entry.bytes)] : []));

export const manifest = (
  spec: FlavorSpec,
  release: Release,
  artifacts: readonly ManifestArtifact[],
  agent: Uint8Array | undefined,
): Manifest => ({
  name: 'openshell-gateway',
  version: release.version,
  flavor: spec.name,
  drivers: spec.drivers,
  telemetry: spec.telemetry,
  build: release.commit,
  source_date_epoch: release.epochSeconds,
  ...(agent === undefined ? {} : { agent: { size: agent.length, sha256: sha256(agent) } }),
  artifacts,
});
