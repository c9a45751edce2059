import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, OpenShellError } from '../../../../compute/errors.js';
import { readTar, type TarEntry } from '../../../../kit/tar/read.js';
import { exists } from '../files.js';

/** The part of an image's configuration that matters to a sandbox. */
export interface ImageConfig {
  readonly environment: Readonly<Record<string, string>>;
  /** As in a Dockerfile: a name or number, with or without a group; empty is root. */
  readonly user: string;
}

export const NO_CONFIG: ImageConfig = { environment: {}, user: '' };

/** An image as files: its configuration and its layers, lowest first. */
export interface ImageFiles {
  readonly config: ImageConfig;
  readonly layers: readonly string[];
}

export interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size?: number;
  readonly platform?: { readonly architecture?: string; readonly os?: string };
}

interface Manifest {
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const MAX_INDEX_DEPTH = 4;
const MAX_JSON_BYTES = 8 * 1024 * 1024;

/** The entries of an uncompressed archive. FAILED_PRECONDITION when it is damaged or beyond readTar's limits. */
export function imageEntries(input: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  return readTar(input, { broken: (why) => invalidImage(`it is not a complete tar archive: ${why}`) });
}

export function invalidImage(text: string, cause?: unknown): OpenShellError {
  return new OpenShellError(Code.FAILED_PRECONDITION, `the image cannot be used: ${text}`, {
    cause,
    reason: 'ImageInvalid',
  });
}

export function parseConfig(json: Buffer): ImageConfig {
  const { config } = parseJson(json) as { config?: { Env?: unknown; User?: unknown } };
  const environment: Record<string, string> = {};
  for (const entry of Array.isArray(config?.Env) ? config.Env : []) {
    const equals = String(entry).indexOf('=');
    if (equals > 0) {
      environment[String(entry).slice(0, equals)] = String(entry).slice(equals + 1);
    }
  }
  return { environment, user: typeof config?.User === 'string' ? config.User : '' };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw invalidImage('a JSON file in it is not valid', cause);
  }
}

/** The image for this machine's platform in an index, or its only image. */
export function choosePlatform(manifests: readonly Descriptor[]): Descriptor {
  const wanted = ARCHITECTURES[process.arch] ?? process.arch;
  const fitting = manifests.find(
    ({ platform }) => platform?.architecture === wanted && (platform.os ?? 'linux') === 'linux',
  );
  const found = fitting ?? (manifests.length === 1 ? manifests[0] : undefined);
  if (found === undefined) {
    throw invalidImage(`it has nothing for linux/${wanted}`);
  }
  return found;
}

/** Refuses the configuration of an image whose programs this machine cannot run. */
export function refuseOtherPlatform(json: Buffer): void {
  const { architecture, os } = parseJson(json) as { architecture?: unknown; os?: unknown };
  const wanted = ARCHITECTURES[process.arch] ?? process.arch;
  if ((os ?? 'linux') === 'linux' && (architecture ?? wanted) === wanted) {
    return;
  }
  throw invalidImage(`it is for ${String(os)}/${String(architecture)}, and this is linux/${wanted}`);
}

function blobPath(directory: string, digest: string): string {
  const match = /^(sha256|sha512):([0-9a-f]{64,128})$/.exec(digest);
  if (match === null) {
    throw invalidImage(`'${digest.slice(0, 100)}' is not a digest`);
  }
  return join(directory, 'blobs', match[1] as string, match[2] as string);
}

/** The path of a blob after checking its digest. */
async function checkedBlob(directory: string, digest: string): Promise<string> {
  const path = blobPath(directory, digest);
  const hash = createHash(digest.slice(0, 6));
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk as Buffer);
    }
  } catch (cause) {
    throw invalidImage(`the blob ${digest} is missing`, cause);
  }
  if (`${digest.slice(0, 7)}${hash.digest('hex')}` !== digest) {
    throw invalidImage(`the blob ${digest} does not match its digest`);
  }
  return path;
}

async function readSmall(path: string): Promise<Buffer> {
  const { size } = await stat(path).catch((cause) => {
    throw invalidImage('a JSON file in it is missing', cause);
  });
  if (size > MAX_JSON_BYTES) {
    throw invalidImage('a JSON file in it is too large');
  }
  return readFile(path);
}

async function readOciLayout(directory: string): Promise<ImageFiles> {
  let manifest = parseJson(await readSmall(join(directory, 'index.json'))) as Manifest;
  for (let depth = 0; manifest.manifests !== undefined; depth++) {
    if (depth === MAX_INDEX_DEPTH) {
      throw invalidImage('its indexes are nested too deeply');
    }
    const { digest } = choosePlatform(manifest.manifests);
    manifest = parseJson(await readSmall(await checkedBlob(directory, digest))) as Manifest;
  }
  if (manifest.config === undefined) {
    throw invalidImage('its manifest has no configuration');
  }
  const config = parseConfig(await readSmall(await checkedBlob(directory, manifest.config.digest)));
  const layers: string[] = [];
  for (const { digest } of manifest.layers ?? []) {
    layers.push(await checkedBlob(directory, digest));
  }
  return { config, layers };
}

function inside(directory: string, name: unknown): string {
  if (typeof name !== 'string' || name.startsWith('/') || name.split('/').includes('..')) {
    throw invalidImage('it refers to a file outside of it');
  }
  return join(directory, name);
}

/** The output of `docker save` or `podman save`: manifest.json beside the layers. */
async function readSaved(directory: string): Promise<ImageFiles> {
  const images = parseJson(await readSmall(join(directory, 'manifest.json')));
  const image = (Array.isArray(images) ? images[0] : undefined) as
    | { Config?: unknown; Layers?: unknown }
    | undefined;
  if (image === undefined || !Array.isArray(image.Layers)) {
    throw invalidImage('its manifest.json lists no image');
  }
  return {
    config: parseConfig(await readSmall(inside(directory, image.Config))),
    layers: image.Layers.map((layer) => inside(directory, layer)),
  };
}

/** Reads an OCI layout or an unpacked `docker save`; undefined when the directory is neither. */
export async function readImageDirectory(directory: string): Promise<ImageFiles | undefined> {
  if (await exists(join(directory, 'index.json'))) {
    return readOciLayout(directory);
  }
  if (await exists(join(directory, 'manifest.json'))) {
    return readSaved(directory);
  }
  return undefined;
}
