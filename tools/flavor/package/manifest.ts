import type { FlavorSpec } from '../choose/flavor-spec.js';
import type { ArtifactKind } from './artifacts.js';
import { sha256 } from './files.js';
import type { TarEntry } from './formats/tar.js';
import type { Release } from './release.js';

/** One regular file. Folders are those that the paths need, with mode 0755; an artifact contains nothing else. */
export interface ManifestFile {
  readonly path: string;
  /** Permissions, in octal. */
  readonly mode: '0644' | '0755';
  readonly size: number;
  readonly sha256: string;
}

export interface ManifestArtifact {
  readonly kind: ArtifactKind;
  readonly name: string;
  /** The range of Node releases that it needs on the host; empty if it contains Node. */
  readonly node: string;
  /** How many npm packages are in it. */
  readonly packages: number;
  /** Its files: itself, or every file of a folder. */
  readonly files: readonly ManifestFile[];
  /** The SBOM beside it, which the manifest's signature thus covers. */
  readonly sbom: ManifestFile;
}

/** The result of one packaging. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly flavor: string;
  readonly drivers: readonly string[];
  /** Parts other than drivers, by their words. */
  readonly parts: readonly string[];
  readonly build: string;
  /** SHA-256 over path, kind and content of every source file that was compiled. */
  readonly sources: string;
  readonly source_date_epoch: number;
  /** The compiled guest agent in every artifact; omitted when there is none. */
  readonly agent?: { readonly size: number; readonly sha256: string };
  readonly artifacts: readonly ManifestArtifact[];
}

export function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

export function singleFile(path: string, bytes: Uint8Array, mode = 0o644): ManifestFile {
  return {
    path,
    mode: (mode & 0o100) === 0 ? '0644' : '0755',
    size: bytes.length,
    sha256: sha256(bytes),
  };
}

/** Digests of all files of a folder. */
export function folderFiles(entries: readonly TarEntry[]): ManifestFile[] {
  return entries.flatMap((entry) =>
    entry.type === 'file' ? [singleFile(entry.path, entry.bytes, entry.mode)] : [],
  );
}

export function manifest(
  spec: FlavorSpec,
  release: Release,
  sources: string,
  artifacts: readonly ManifestArtifact[],
  agent: Uint8Array | undefined,
): Manifest {
  return {
    name: 'openshell-gateway',
    version: release.version,
    flavor: spec.name,
    drivers: spec.drivers,
    parts: spec.parts,
    build: release.commit,
    sources,
    source_date_epoch: release.epochSeconds,
    ...(agent === undefined ? {} : { agent: { size: agent.length, sha256: sha256(agent) } }),
    artifacts,
  };
}
