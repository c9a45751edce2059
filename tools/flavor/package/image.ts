import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { failedPrecondition } from '../../../dist/compute/errors.js';
import { byPath, foldersAbove, sha256 } from './files.js';
import { readTar, type TarEntry, writeTar } from './formats/tar.js';
import type { Program } from './programs.js';
import type { Release } from './release.js';
import type { SystemFile } from './system-files.js';

const USER = 65_532;
const HOME = 'var/lib/openshell';
const EXECUTABLE = 'usr/bin/openshell-gateway';
const MEDIA = 'application/vnd.oci.image';

export interface ImageOptions {
  /** E.g. `docker`. */
  readonly flavor: string;
  readonly executable: string;
  readonly system: readonly SystemFile[];
  readonly programs: readonly Program[];
  readonly release: Release;
  /** As Node calls it, e.g. `x64`. */
  readonly architecture: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Adds every folder above the entries, which a tar reader may otherwise create with other modes. */
function withFolders(entries: readonly TarEntry[]): TarEntry[] {
  const folders = new Set(entries.flatMap(({ path }) => foldersAbove(path)));
  for (const { path } of entries) {
    folders.delete(path);
  }
  return [...[...folders].map((path): TarEntry => ({ type: 'folder', path })), ...entries].sort(byPath);
}

/** The same for every flavor: the executable's libraries, certificates and the user. */
function baseLayer(system: readonly SystemFile[]): TarEntry[] {
  return withFolders([
    ...system.map(({ path, bytes, mode }): TarEntry => ({ type: 'file', path, bytes, mode })),
    {
      type: 'file',
      path: 'etc/passwd',
      bytes: Buffer.from(`openshell:x:${USER}:${USER}:OpenShell gateway:/${HOME}:/sbin/nologin\n`),
    },
    { type: 'file', path: 'etc/group', bytes: Buffer.from(`openshell:x:${USER}:\n`) },
    { type: 'folder', path: HOME, mode: 0o700, owner: USER },
  ]);
}

function programLayer({ executable, programs }: ImageOptions): TarEntry[] {
  return withFolders([
    { type: 'file', path: EXECUTABLE, mode: 0o755, bytes: readFileSync(executable) },
    ...programs
      .filter(({ name }) => `usr/bin/${name}` !== EXECUTABLE)
      .map(({ name }): TarEntry => ({ type: 'link', path: `usr/bin/${name}`, target: 'openshell-gateway' })),
  ]);
}

interface Blob {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

function descriptor({ mediaType, bytes }: Blob) {
  return {
    mediaType,
    digest: `sha256:${sha256(bytes)}`,
    size: bytes.length,
  };
}

function blobPath({ bytes }: Blob): string {
  return `blobs/sha256/${sha256(bytes)}`;
}

function json(mediaType: string, value: unknown): Blob {
  return {
    mediaType,
    bytes: Buffer.from(JSON.stringify(value)),
  };
}

/**
 * An image as one archive, built without a daemon: an OCI layout, and beside its index the manifest.json that Docker
 * before 25 reads instead.
 */
export function imageArchive(options: ImageOptions): Buffer {
  const { release, flavor } = options;
  const layers = [baseLayer(options.system), programLayer(options)].map((entries) => {
    const tar = writeTar(entries, release.epochSeconds);
    return {
      diffId: `sha256:${sha256(tar)}`,
      blob: { mediaType: `${MEDIA}.layer.v1.tar+gzip`, bytes: gzipSync(tar) },
    };
  });
  const created = new Date(release.epochSeconds * 1000).toISOString();
  const labels = {
    'org.opencontainers.image.title': `openshell-gateway-${flavor}`,
    'org.opencontainers.image.version': release.version,
    'org.opencontainers.image.revision': release.commit,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  };
  const config = json(`${MEDIA}.config.v1+json`, {
    created,
    architecture: ARCHITECTURES[options.architecture] ?? options.architecture,
    os: 'linux',
    config: {
      User: `${USER}:${USER}`,
      Env: ['PATH=/usr/bin', `HOME=/${HOME}`, 'NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt'],
      Entrypoint: [`/${EXECUTABLE}`],
      WorkingDir: `/${HOME}`,
      Labels: labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, created_by: 'openshell-flavor package' })),
  });
  const manifest = json(`${MEDIA}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${MEDIA}.manifest.v1+json`,
    config: descriptor(config),
    layers: layers.map(({ blob }) => descriptor(blob)),
    annotations: labels,
  });
  const tag = `openshell-gateway:${flavor}-${release.version}`;
  const reference = {
    'org.opencontainers.image.ref.name': tag,
    'io.containerd.image.name': `docker.io/library/${tag}`,
  };
  const index = {
    schemaVersion: 2,
    mediaType: `${MEDIA}.index.v1+json`,
    manifests: [{ ...descriptor(manifest), annotations: reference }],
  };
  const legacy = [
    { Config: blobPath(config), RepoTags: [tag], Layers: layers.map(({ blob }) => blobPath(blob)) },
  ];
  function file(path: string, bytes: Buffer): TarEntry {
    return { type: 'file', path, bytes };
  }

  return writeTar(
    withFolders([
      file('oci-layout', Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' }))),
      file('index.json', Buffer.from(JSON.stringify(index))),
      file('manifest.json', Buffer.from(JSON.stringify(legacy))),
      ...[config, manifest, ...layers.map(({ blob }) => blob)].map((blob) =>
        file(blobPath(blob), blob.bytes),
      ),
    ]),
    release.epochSeconds,
  );
}

const GZIP_MAGIC = 0x8b1f;

/** The files, links and folders of an image's layers, in order. */
export function imageRoot(archive: Buffer): TarEntry[] {
  const entries = new Map(readTar(archive).map((entry) => [entry.path, entry]));
  function bytes(path: string): Buffer {
    const entry = entries.get(path);
    if (entry?.type !== 'file') {
      throw failedPrecondition(`the image lacks ${path}`);
    }
    return entry.bytes;
  }

  const [image] = JSON.parse(bytes('manifest.json').toString()) as { Layers: string[] }[];
  return (image?.Layers ?? []).flatMap((path) => {
    const layer = bytes(path);
    return readTar(layer.readUInt16LE(0) === GZIP_MAGIC ? gunzipSync(layer) : layer);
  });
}
