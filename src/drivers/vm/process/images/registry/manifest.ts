import { createHash } from 'node:crypto';
import { choosePlatform, type Descriptor } from '../layout.js';
import type { Blob } from './blob.js';
import { RegistryFailure } from './failure.js';
import { readBody } from './http.js';
import { DIGEST, type ImageReference } from './reference.js';
import { withRetries } from './retry.js';
import type { RegistrySession } from './session.js';

/** An image's parts with their expected sizes and digests. */
export interface ImageManifest {
  /** The manifest's own digest, which identifies the image. */
  readonly digest: string;
  readonly config: TypedBlob;
  readonly layers: readonly TypedBlob[];
}

interface TypedBlob extends Blob {
  readonly mediaType: string;
}

const INDEXES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const MANIFESTS = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const CONFIGS = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];
const LAYER =
  /^application\/vnd\.(oci\.image\.layer|docker\.image\.rootfs)\.[\w.]*tar(\.gzip|\+gzip|\.zstd|\+zstd)?$/;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_LAYERS = 512;
const MAX_DEPTH = 4;
const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

interface Document {
  readonly mediaType?: unknown;
  readonly schemaVersion?: unknown;
  readonly manifests?: unknown;
  readonly config?: unknown;
  readonly layers?: unknown;
}

function invalidManifest(why: string) {
  return new RegistryFailure(`its manifest is not that of an image: ${why}`);
}

function blobOf(value: unknown, what: string): TypedBlob {
  const { mediaType, digest, size } = (value ?? {}) as {
    mediaType?: unknown;
    digest?: unknown;
    size?: unknown;
  };
  if (typeof digest !== 'string' || !DIGEST.test(digest)) {
    throw invalidManifest(`${what} has no digest`);
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalidManifest(`${what} has no size`);
  }
  return { mediaType: typeof mediaType === 'string' ? mediaType : '', digest, size };
}

function parse(body: Buffer): Document {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value;
    }
  } catch {
    // Reported below.
  }
  throw invalidManifest('it is not a JSON object');
}

interface Fetched {
  readonly document: Document;
  readonly digest: string;
}

async function fetchDocument(
  session: RegistrySession,
  version: string,
  { pauseMs, signal }: { readonly pauseMs: number; readonly signal: AbortSignal },
): Promise<Fetched> {
  const accept = [...INDEXES, ...MANIFESTS].join(', ');
  async function attempt() {
    const response = await session.get(`manifests/${version}`, { accept }, signal);
    const body = await readBody(response, MAX_MANIFEST_BYTES, signal);
    return { body, claimed: response.headers['docker-content-digest'] };
  }

  const { body, claimed } = await withRetries(attempt, pauseMs, signal);
  const expected = DIGEST.test(version) ? version : claimed;
  const algorithm = typeof expected === 'string' && expected.startsWith('sha512:') ? 'sha512' : 'sha256';
  const digest = `${algorithm}:${createHash(algorithm).update(body).digest('hex')}`;
  if (expected !== undefined && expected !== digest) {
    throw new RegistryFailure(`the manifest ${String(expected).slice(0, 140)} has another digest: ${digest}`);
  }
  return { document: parse(body), digest };
}

function manifestOf({ document, digest }: Fetched): ImageManifest {
  if (!Array.isArray(document.layers)) {
    throw invalidManifest(document.schemaVersion === 1 ? 'it has schema version 1' : 'it lists no layers');
  }
  if (document.layers.length > MAX_LAYERS) {
    throw invalidManifest(`it has more than ${MAX_LAYERS} layers`);
  }
  const config = blobOf(document.config, 'its configuration');
  if (config.mediaType !== '' && !CONFIGS.includes(config.mediaType)) {
    throw invalidManifest('it has an unknown media type');
  }
  if (config.size > MAX_CONFIG_BYTES) {
    throw invalidManifest('its configuration is too large');
  }
  const layers = document.layers.map((layer, index) => blobOf(layer, `layer ${index + 1}`));
  if (layers.some(({ mediaType }) => mediaType !== '' && !LAYER.test(mediaType))) {
    throw invalidManifest('a layer has an unknown media type');
  }
  return { digest, config, layers };
}

/** The manifest of the image for this machine's platform, also from an index. Rejects with RegistryFailure. */
export async function fetchManifest(
  session: RegistrySession,
  reference: ImageReference,
  options: { readonly pauseMs: number; readonly signal: AbortSignal },
): Promise<ImageManifest> {
  let version = reference.version;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const fetched = await fetchDocument(session, version, options);
    const { manifests, layers, config } = fetched.document;
    if (manifests === undefined) {
      return manifestOf(fetched);
    }
    // A document that is both could be read as either, so its digest would identify two images.
    if (layers !== undefined || config !== undefined) {
      throw invalidManifest('it is both an index and a manifest');
    }
    if (!Array.isArray(manifests)) {
      throw invalidManifest('it lists no images');
    }
    const candidates = manifests.filter((entry): entry is Descriptor => typeof entry?.digest === 'string');
    const { digest } = choosePlatform(candidates);
    if (!DIGEST.test(digest)) {
      throw invalidManifest('one of its images has no digest');
    }
    version = digest;
  }
  throw invalidManifest('its indexes are nested too deeply');
}
