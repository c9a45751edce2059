import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { RegistryFailure } from './failure.js';
import { bodyFailure } from './http.js';
import { withRetries } from './retry.js';
import type { RegistrySession } from './session.js';

export interface Blob {
  readonly digest: string;
  readonly size: number;
}

interface DownloadOptions {
  readonly pauseMs: number;
  readonly signal: AbortSignal;
  /** Called with the number of bytes received so far. */
  readonly onBytes: (bytes: number) => void;
}

function algorithmOf(digest: string): string {
  return digest.slice(0, digest.indexOf(':'));
}

/** The part of a blob that has been written and hashed; the next attempt continues from there. */
interface Partial {
  hash: Hash;
  bytes: number;
}

/** Whether the response continues at `bytes` and does not start over. */
function continues(response: IncomingMessage, bytes: number): boolean {
  return (
    response.statusCode === 206 && (response.headers['content-range'] ?? '').startsWith(`bytes ${bytes}-`)
  );
}

async function receive(
  file: FileHandle,
  blob: Blob,
  partial: Partial,
  response: IncomingMessage,
  options: DownloadOptions,
): Promise<void> {
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      if (partial.bytes + part.length > blob.size) {
        throw new RegistryFailure(`${blob.digest} is longer than its ${blob.size} bytes`);
      }
      await file.write(part, 0, part.length, partial.bytes);
      partial.hash.update(part);
      partial.bytes += part.length;
      options.onBytes(partial.bytes);
    }
  } catch (error) {
    throw bodyFailure(error, options.signal);
  }
  if (partial.bytes < blob.size) {
    throw new RegistryFailure(`${blob.digest} ends after ${partial.bytes} of ${blob.size} bytes`, {
      temporary: true,
    });
  }
}

/**
 * Downloads a blob to `path`, checking size and digest on the way: no more than the manifest's size is read. Rejects with
 * RegistryFailure or the signal's reason; `path` is then incomplete.
 */
export async function downloadBlob(
  session: RegistrySession,
  blob: Blob,
  path: string,
  options: DownloadOptions,
): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  const partial: Partial = { hash: createHash(algorithmOf(blob.digest)), bytes: 0 };
  try {
    async function attempt() {
      const range: Record<string, string> = partial.bytes === 0 ? {} : { range: `bytes=${partial.bytes}-` };
      const response = await session.get(`blobs/${blob.digest}`, range, options.signal);
      if (partial.bytes > 0 && !continues(response, partial.bytes)) {
        partial.hash = createHash(algorithmOf(blob.digest));
        partial.bytes = 0;
      }
      await receive(file, blob, partial, response, options);
    }

    await withRetries(attempt, options.pauseMs, options.signal);
  } finally {
    await file.close();
  }
  const found = `${algorithmOf(blob.digest)}:${partial.hash.digest('hex')}`;
  if (found !== blob.digest) {
    throw new RegistryFailure(`${blob.digest} has another digest: ${found}`);
  }
}
