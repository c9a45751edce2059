import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { RegistryFailure } from './failure.js';
import { bodyFailure } from './http.js';
import { persistently } from './retry.js';
import type { RegistrySession } from './session.js';

export interface Blob {
  readonly digest: string;
  readonly size: number;
}

interface DownloadOptions {
  readonly pauseMs: number;
  readonly signal: AbortSignal;
  /** Told how many bytes are there. */
  readonly onBytes: (bytes: number) => void;
}

function algorithmOf(digest: string): string {
  return digest.slice(0, digest.indexOf(':'));
}

/** What of a blob has been written and hashed; an attempt that broke off is gone on with from there. */
interface Partial {
  hash: Hash;
  bytes: number;
}

/** Whether the answer begins where we are, and not at the blob's beginning. */
function goesOn(response: IncomingMessage, bytes: number): boolean {
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
        throw new RegistryFailure(`${blob.digest} is longer than the ${blob.size} bytes that it should have`);
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
      passing: true,
    });
  }
}

/**
 * Downloads a blob to `path`, checking size and digest as the bytes come: nothing is taken beyond the size that its
 * manifest says. Rejects with RegistryFailure or the signal's reason; what is at `path` is then of no use.
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
      if (partial.bytes > 0 && !goesOn(response, partial.bytes)) {
        partial.hash = createHash(algorithmOf(blob.digest));
        partial.bytes = 0;
      }
      await receive(file, blob, partial, response, options);
    }

    await persistently(attempt, options.pauseMs, options.signal);
  } finally {
    await file.close();
  }
  const found = `${algorithmOf(blob.digest)}:${partial.hash.digest('hex')}`;
  if (found !== blob.digest) {
    throw new RegistryFailure(`${blob.digest} has other bytes: ${found}`);
  }
}
