import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { invalidArgument } from '../../../dist/compute/errors.js';
import { type ArtifactKind, kindOf } from '../package/artifacts.js';
import { readFolder } from '../package/files.js';
import { readTar, type TarEntry } from '../package/formats/tar.js';
import { AGENT_FILE, EMBEDDED_BEGINS } from '../package/guest-agent.js';
import { imageRoot } from '../package/image.js';
import { nodeCheck } from '../package/multi-call.js';

/** An open artifact: the files of an archive or of an image's layers. */
export interface Artifact {
  readonly path: string;
  readonly kind: ArtifactKind;
  readonly files: readonly { readonly path: string; readonly bytes: Buffer }[];
}

/** @throws OpenShellError INVALID_ARGUMENT when it does not exist or is not an artifact of `package` */
export function openArtifact(path: string): Artifact {
  const kind = artifactKind(path);
  return { path, kind, files: filesOf(artifactEntries(path, kind)) };
}

/** The kind of an artifact. Throws as `openArtifact`. */
export function artifactKind(path: string): ArtifactKind {
  if (!existsSync(path)) {
    throw invalidArgument(`there is no artifact ${path}`);
  }
  const kind = kindOf(basename(path), statSync(path).isDirectory());
  if (kind === undefined) {
    throw invalidArgument(`${path} is not an artifact of 'package'`, {
      hint: 'name a folder, .tgz, .cjs, .oci.tar or an executable such as openshell-gateway-docker-0.1.0-linux-x64',
    });
  }
  return kind;
}

function filesOf(entries: readonly TarEntry[]): Artifact['files'] {
  return entries.flatMap((entry) =>
    entry.type === 'file' ? [{ path: entry.path, bytes: entry.bytes }] : [],
  );
}

/** As `openArtifact`, from bytes that were already read: of each file of a folder, or of the artifact. */
export function unpack(path: string, kind: ArtifactKind, read: ReadonlyMap<string, Buffer>): Artifact {
  const files = [...read].map(([name, bytes]) => ({ path: name, bytes }));
  const [only] = files;
  if (only === undefined || (kind !== 'tgz' && kind !== 'image')) {
    return { path, kind, files };
  }
  return { path, kind, files: filesOf(unpackArchive(only.bytes, kind)) };
}

const MAX_UNPACKED_BYTES = 2 ** 30;

function unpackArchive(bytes: Buffer, kind: 'tgz' | 'image'): TarEntry[] {
  return kind === 'image'
    ? imageRoot(bytes)
    : readTar(gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES }));
}

/** All entries of an artifact, including links and folders. */
export function artifactEntries(path: string, kind: ArtifactKind): TarEntry[] {
  if (kind === 'folder') {
    return readFolder(path);
  }
  const bytes = readFileSync(path);
  if (kind === 'tgz' || kind === 'image') {
    return unpackArchive(bytes, kind);
  }
  return [{ type: 'file', path: basename(path), bytes }];
}

const PACKAGE = String.raw`node_modules/(?:@[^/\s]+/)?[^@/\s][^/\s]*`;
/** A package's own package.json, however deeply packages are nested; not one in a folder inside a package. */
const PACKAGE_FILE = new RegExp(`^((?:${PACKAGE}/)*${PACKAGE})/package\\.json$`);
/** esbuild names the function with a file's code after the file. */
const ORIGIN = new RegExp(`"((?:[^\\s'"]*/)?${PACKAGE})/[^\\s"]+"\\(`, 'g');

/** The version in a package.json; a package with a damaged file still counts, with a version that no SBOM lists. */
function versionOf(bytes: Buffer): string | undefined {
  try {
    return (JSON.parse(bytes.toString()) as { version?: string } | null)?.version;
  } catch {
    return 'unreadable';
  }
}

function fromFolder({ files }: Artifact): Map<string, string> {
  const places = new Map<string, string>();
  for (const { path, bytes } of files) {
    const from = path.indexOf('node_modules/');
    const place = from === -1 ? undefined : PACKAGE_FILE.exec(path.slice(from))?.[1];
    if (place === undefined) {
      continue;
    }
    const version = versionOf(bytes);
    if (version !== undefined) {
      places.set(place, version);
    }
  }
  return places;
}

function fromBundle({ files }: Artifact): Map<string, string> {
  const places = new Map<string, string>();
  for (const { bytes } of files) {
    // Node contains packages of its own; our code comes after them.
    const start = bytes.lastIndexOf(nodeCheck());
    if (start === -1) {
      continue;
    }
    for (const [, place = ''] of bytes.toString('latin1', start).matchAll(ORIGIN)) {
      places.set(place, '');
    }
  }
  return places;
}

/** Packages whose code is in an artifact, by their path, with the version where the artifact itself has it. */
export function packagesIn(artifact: Artifact): Map<string, string> {
  return artifact.kind === 'folder' || artifact.kind === 'tgz' ? fromFolder(artifact) : fromBundle(artifact);
}

/** The compiled guest agent in an artifact: a file of it, or a string in the code of a single file. */
export function agentIn({ files }: Artifact): Buffer | undefined {
  const file = files.find(({ path }) => path.endsWith(AGENT_FILE));
  if (file !== undefined) {
    return file.bytes;
  }
  for (const { bytes } of files) {
    const start = bytes.lastIndexOf(EMBEDDED_BEGINS);
    if (start === -1) {
      continue;
    }
    const from = start + EMBEDDED_BEGINS.length;
    return Buffer.from(bytes.toString('latin1', from, bytes.indexOf('"', from)), 'base64');
  }
  return undefined;
}

/** Whether any file of the artifact contains a string. */
export function holds({ files }: Artifact, text: string): boolean {
  const wanted = Buffer.from(text);
  return files.some(({ bytes }) => bytes.includes(wanted));
}
