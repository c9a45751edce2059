import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { failedPrecondition, OpenShellError } from '../compute/errors.js';
import type { Logger } from '../compute/log.js';
import type { TlsConfig } from '../config/gateway-config.js';

export interface TlsFiles extends TlsConfig {
  /** How often the files are checked for changes. Default: 10,000. */
  readonly pollMs?: number;
}

/** The contents of the files, read again when they change. */
export interface Certificates {
  context(): SecureContextOptions;
  readonly clientsNeedOne: boolean;
  /** `clients`: whether the client CA or the revocations changed. Returns the unsubscribe function. */
  onChange(listener: (clients: boolean) => void): () => void;
  close(): void;
}

const POLL_MS = 10_000;

/** Loads PEM files; undefined (plaintext) without files. Throws when a file is invalid at the start. */
export async function loadCredentials(
  tls: TlsFiles | undefined,
  log: Logger,
): Promise<Certificates | undefined> {
  if (tls === undefined) {
    return undefined;
  }
  let current = await readAll(tls);
  checkAll(tls, current);
  const listeners = new Set<(clients: boolean) => void>();
  let lastProblem = '';
  let reading = false;

  const reload = async () => {
    if (reading) {
      return;
    }
    reading = true;
    try {
      const found = await readAll(tls);
      const changed = PARTS.filter((part) => !same(found[part], current[part]));
      if (changed.length === 0) {
        return;
      }
      checkAll(tls, found);
      current = found;
      log.info('the certificates were reloaded', { changed: changed.join(',') });
      for (const listener of listeners) {
        listener(changed.includes('ca') || changed.includes('crl'));
      }
      lastProblem = '';
    } catch (error) {
      const { text } = OpenShellError.from(error);
      // Logged once: a key that is replaced after its certificate matches at the next check.
      if (text !== lastProblem) {
        log.warn(`the certificates were not reloaded: ${text}`, { error });
      }
      lastProblem = text;
    } finally {
      reading = false;
    }
  };
  // Not fs.watch: mounted secrets are replaced by changing a link above the files.
  const timer = setInterval(reload, tls.pollMs ?? POLL_MS);
  timer.unref();
  return {
    context: () => current,
    clientsNeedOne: tls.clientCaPath !== undefined,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => clearInterval(timer),
  };
}

const PARTS = ['cert', 'key', 'ca', 'crl'] as const;
type Pems = { readonly [P in (typeof PARTS)[number]]: Buffer | undefined };

function same(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}

async function readAll(tls: TlsFiles): Promise<Pems> {
  const [cert, key, ca, crl] = await Promise.all([
    read(tls.certPath, 'cert_path'),
    read(tls.keyPath, 'key_path'),
    tls.clientCaPath === undefined ? undefined : read(tls.clientCaPath, 'client_ca_path'),
    tls.clientCrlPath === undefined ? undefined : read(tls.clientCrlPath, 'client_crl_path'),
  ]);
  return { cert, key, ca, crl };
}

async function read(path: string, key: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw failedPrecondition(`tls.${key}: '${path}' cannot be read`, {
      reason: 'InvalidConfig',
      hint: `check the path and the file's permissions`,
      cause: error,
    });
  }
}

function checkAll(tls: TlsFiles, { cert, key, ca, crl }: Pems): void {
  check(`tls: '${tls.certPath}' and '${tls.keyPath}' are not a certificate and its key`, () =>
    createSecureContext({ cert, key }),
  );
  if (ca !== undefined) {
    check(`tls.client_ca_path: '${tls.clientCaPath}' is not a certificate`, () => new X509Certificate(ca));
  }
  if (crl !== undefined) {
    check(`tls.client_crl_path: '${tls.clientCrlPath}' is not a revocation list`, () =>
      createSecureContext({ crl }),
    );
  }
}

/** A listener parses the files only when it uses them, and its error does not name the file. */
function check(what: string, parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    throw failedPrecondition(what, {
      reason: 'InvalidConfig',
      hint: 'use PEM files, the key without a passphrase',
      cause: error,
    });
  }
}
