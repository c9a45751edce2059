import type { KeyObject } from 'node:crypto';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type ArtifactKind, baseOf, manifestName, sbomName } from '../package/artifacts.js';
import type { Manifest, ManifestArtifact, ManifestFile } from '../package/manifest.js';
import { fingerprint, isSigned, signatureName } from '../signature.js';

const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
const MAX_SIGNATURE_BYTES = 1_024;

/** A file's bytes; undefined when it is not a regular file or is implausibly large. */
function readSmall(path: string, max: number): Buffer | undefined {
  if (!existsSync(path)) {
    return undefined;
  }
  const stats = lstatSync(path);
  return stats.isFile() && stats.size <= max ? readFileSync(path) : undefined;
}

/** A manifest's bytes; undefined when there is none. */
export function readManifestBytes(path: string): Buffer | undefined {
  return readSmall(path, MAX_MANIFEST_BYTES);
}

/** Whether the manifest is signed by this key, with an explanation. */
export function signatureOf(
  path: string,
  bytes: Buffer,
  key: KeyObject,
): { readonly holds: boolean; readonly detail: string } {
  const file = signatureName(path);
  const text = readSmall(file, MAX_SIGNATURE_BYTES);
  if (text === undefined) {
    return { holds: false, detail: `${basename(file)} is missing or not a signature` };
  }
  const holds = isSigned(bytes, text.toString('latin1'), key);
  const name = fingerprint(key);
  return {
    holds,
    detail: holds
      ? `${basename(path)} is signed by ${name}`
      : `${basename(file)} is not a signature of ${basename(path)} by ${name}`,
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function isFile(value: ManifestFile | null): boolean {
  return (
    isText(value?.path) &&
    value.path.split('/').every((part) => part !== '' && part !== '.' && part !== '..') &&
    (value.mode === '0644' || value.mode === '0755') &&
    Number.isSafeInteger(value.size) &&
    value.size >= 0 &&
    /^[0-9a-f]{64}$/.test(value.sha256)
  );
}

function isArtifact(value: ManifestArtifact | null): boolean {
  return (
    isText(value?.name) &&
    isText(value.kind) &&
    isText(value.node) &&
    Array.isArray(value.files) &&
    value.files.every(isFile) &&
    new Set(value.files.map(({ path }) => path)).size === value.files.length &&
    isFile(value.sbom)
  );
}

function isManifest(value: Manifest | null): boolean {
  return (
    value?.name === 'openshell-gateway' &&
    isText(value.version) &&
    isText(value.flavor) &&
    isTexts(value.drivers) &&
    isTexts(value.parts) &&
    isText(value.build) &&
    isText(value.sources) &&
    Number.isSafeInteger(value.source_date_epoch) &&
    Array.isArray(value.artifacts) &&
    value.artifacts.every(isArtifact)
  );
}

/** A manifest, or what is wrong with it. */
export function parseManifest(bytes: Buffer): Manifest | string {
  try {
    const manifest = JSON.parse(bytes.toString()) as Manifest;
    return isManifest(manifest) ? manifest : 'it is not in the format of this release of the tool';
  } catch (cause) {
    return (cause as Error).message;
  }
}

/** The manifest's entry for an artifact, or why it has none: names and lists must agree. */
export function entryOf(manifest: Manifest, path: string, kind: ArtifactKind): ManifestArtifact | string {
  const name = basename(path);
  const base = `openshell-gateway-${manifest.flavor}-${manifest.version}`;
  if (baseOf(kind, name) !== base) {
    return `it is for ${base}, but the artifact is named ${name}`;
  }
  const entries = manifest.artifacts.filter((artifact) => artifact.name === name);
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) {
    return `it lists ${name} ${entries.length} times`;
  }
  if (entry.kind !== kind) {
    return `it calls ${name} a ${entry.kind}`;
  }
  if (entry.sbom.path !== sbomName(name)) {
    return `it lists ${entry.sbom.path} as the SBOM of ${name}`;
  }
  if (kind !== 'folder' && (entry.files.length !== 1 || entry.files[0]?.path !== name)) {
    return `it lists other files for ${name}`;
  }
  return entry;
}

/** The default path of an artifact's manifest. */
export function manifestBeside(kind: ArtifactKind, path: string): string {
  return path.slice(0, path.length - basename(path).length) + manifestName(baseOf(kind, basename(path)));
}
