import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OpenShellError } from '../../../../../compute/errors.js';
import { deadline } from '../../../../../kit/deadline.js';
import { canReadZstd } from '../content.js';
import { type ImageFiles, parseConfig, refuseOtherPlatform } from '../layout.js';
import { downloadBlob } from './blob.js';
import { readCredentials } from './credentials.js';
import { pullFailed, RegistryFailure } from './failure.js';
import { fetchManifest, type ImageManifest } from './manifest.js';
import { createPullProgress } from './pull-progress.js';
import { type ImageReference, parseReference } from './reference.js';
import { openSession, type RegistrySession } from './session.js';

export interface RegistryOptions {
  /** Hosts, with a port or for any port, that are used without TLS. */
  readonly insecure: readonly string[];
  /** As `insecure`: hosts that may have an address of this machine or its link. */
  readonly local: readonly string[];
  /** Hosts, with their port if any, that may receive the password of a registry in another domain. */
  readonly tokenHosts?: readonly string[];
  /** A file in the format of Docker's config.json; empty: no passwords are used. */
  readonly authFile: string;
  /** The largest compressed size of an image. */
  readonly maxBytes: number;
  /** Default 30 min. */
  readonly timeoutMs?: number;
  /** Default 60 s. */
  readonly silenceMs?: number;
  /** The first pause after a temporary failure; default 500 ms. */
  readonly pauseMs?: number;
}

/** A registry's image, as its tag resolved at the time. */
export interface RemoteImage {
  /** The digest of its manifest. */
  readonly digest: string;
  /** Downloads it into `work` and reports progress. FAILED_PRECONDITION with the reason `ImagePullFailed`. */
  pull(work: string, report: (line: string) => void, signal: AbortSignal): Promise<ImageFiles>;
}

export interface Registry {
  /** Resolves the name to its present image. FAILED_PRECONDITION with the reason `ImagePullFailed`. */
  resolve(name: string, signal: AbortSignal): Promise<RemoteImage>;
}

const PULL_TIMEOUT_MS = 30 * 60_000;
const SILENCE_MS = 60_000;
const PAUSE_MS = 500;
const LAYERS_AT_ONCE = 3;

/** Turns any failure into the error that a user sees; a cancelled pull stays cancelled. */
async function explained<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) {
      throw OpenShellError.from(signal.reason);
    }
    if (error instanceof RegistryFailure) {
      throw pullFailed(name, error.message, { hint: error.hint, cause: error });
    }
    const known = OpenShellError.from(error);
    throw pullFailed(name, known.message, { hint: known.hint, cause: error });
  }
}

/** Runs `work` `count` times at once. The first failure aborts the others and is thrown when all have ended. */
async function together(
  count: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  function guarded() {
    return work(until).catch((error: unknown) => failed.abort(error));
  }

  await Promise.all(Array.from({ length: count }, guarded));
  failed.signal.throwIfAborted();
}

/** A host in its URL form: `127.1:5000` is 127.0.0.1:5000. */
function canonical(host: string): string {
  const [, name = '', port = ''] = /^(.*?)(:\d+)?$/.exec(host) ?? [];
  return URL.canParse(`http://${name}`) ? new URL(`http://${name}`).hostname + port : host.toLowerCase();
}

function listOf(hosts: readonly string[]): (host: string) => boolean {
  const listed = new Set(hosts.map(canonical));
  return (host) => listed.has(canonical(host)) || listed.has(canonical(host).replace(/:\d+$/, ''));
}

export function createRegistry(options: RegistryOptions): Registry {
  const { timeoutMs = PULL_TIMEOUT_MS, silenceMs = SILENCE_MS, pauseMs = PAUSE_MS, maxBytes } = options;
  const plainAllowed = listOf(options.insecure);
  const tokenHosts = new Set((options.tokenHosts ?? []).map((host) => host.toLowerCase()));
  const localAllowed = listOf(options.local);

  function sessionFor(reference: ImageReference): RegistrySession {
    return openSession(reference, {
      plainAllowed,
      localAllowed,
      tokenHosts,
      silenceMs,
      credentials: () => readCredentials(options.authFile, reference.registry),
    });
  }

  function checkSizes({ config, layers }: ImageManifest) {
    const bytes = layers.reduce((sum, { size }) => sum + size, config.size);
    if (bytes > maxBytes) {
      throw new RegistryFailure(`it has ${bytes} bytes, more than the allowed ${maxBytes}`, {
        hint: 'raise image_cache_mib',
      });
    }
    if (!canReadZstd && layers.some(({ mediaType }) => /zstd$/.test(mediaType))) {
      throw new RegistryFailure('its layers are compressed with zstd, which this Node.js cannot read', {
        hint: 'use Node.js 22.15 or later, or an image with gzip layers',
      });
    }
  }

  async function download(
    session: RegistrySession,
    { config, layers }: ImageManifest,
    work: string,
    report: (line: string) => void,
    signal: AbortSignal,
  ): Promise<ImageFiles> {
    const folder = join(work, 'pulled');
    await mkdir(folder);
    // One file per digest: an image may use a layer twice.
    function pathOf(digest: string) {
      return join(folder, createHash('sha256').update(digest).digest('hex'));
    }

    const distinct = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
    const { digest: configDigest, size } = config;
    const configPath = join(folder, 'config');
    await downloadBlob(session, { digest: configDigest, size }, configPath, {
      pauseMs,
      signal,
      onBytes: () => {},
    });
    const bytes = await readFile(configPath);
    refuseOtherPlatform(bytes);
    const progress = createPullProgress(distinct, report);
    const left = [...distinct];
    await together(LAYERS_AT_ONCE, signal, async (until) => {
      for (let layer = left.shift(); layer !== undefined; layer = left.shift()) {
        const mine = layer;
        function onBytes(received: number) {
          return progress.bytes(mine, received);
        }

        await downloadBlob(session, mine, pathOf(mine.digest), { pauseMs, signal: until, onBytes });
        progress.done();
      }
    });
    return { config: parseConfig(bytes), layers: layers.map(({ digest }) => pathOf(digest)) };
  }

  return {
    resolve: (name, signal) =>
      explained(name, signal, async () => {
        const until = deadline(timeoutMs, signal);
        const reference = parseReference(name);
        const session = sessionFor(reference);
        const manifest = await fetchManifest(session, reference, { pauseMs, signal: until });
        checkSizes(manifest);
        return {
          digest: manifest.digest,
          pull: (work, report, pullSignal) =>
            explained(name, pullSignal, () =>
              download(session, manifest, work, report, deadline(timeoutMs, pullSignal)),
            ),
        };
      }),
  };
}
