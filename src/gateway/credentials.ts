import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { failedPrecondition, OpenShellError } from '../compute/errors.js';
import type { Logger } from '../compute/log.js';

export interface TlsFiles {
  readonly certPath: string;
  readonly keyPath: string;
  /** Undefined: clients need no certificate. */
  readonly clientCaPath: string | undefined;
  /** Undefined: no certificate of that CA is revoked. */
  readonly clientCrlPath?: string | undefined;
  /** How often the files are looked at. Default: 10,000. */
  readonly pollMs?: number;
}

/** What the files hold, read again when they change. */
export interface Certificates {
  context(): SecureContextOptions;
  readonly clientsNeedOne: boolean;
  /** `clients`: who is let in has changed, and not only who we are. Returns the way to end it. */
  onChange(listener: (clients: boolean) => void): () => void;
  close(): void;
}

const POLL_MS = 10_000;

/** The certificates of PEM files; undefined, plaintext, without files. A file that is wrong at the start is an error. */
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
  let complaint = '';
  let reading = false;

  const look = async () => {
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
      log.info('the certificates were read again', { changed: changed.join(',') });
      for (const listener of listeners) {
        listener(changed.includes('ca') || changed.includes('crl'));
      }
      complaint = '';
    } catch (error) {
      const { text } = OpenShellError.from(error);
      // Said once: a key that is replaced after its certificate fits again at the next look.
      if (text !== complaint) {
        log.warn(`the certificates stay as they were: ${text}`, { error });
      }
      complaint = text;
    } finally {
      reading = false;
    }
  };
  // Not fs.watch: mounted secrets change by a link above the files.
  const timer = setInterval(look, tls.pollMs ?? POLL_MS);
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
type Pems = { readonly [P in (typeof PARTS)[number]]?: Buffer };

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
  return { cert, key, ...(ca === undefined ? {} : { ca }), ...(crl === undefined ? {} : { crl }) } as Pems;
}

async function read(path: string, key: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw failedPrecondition(`tls.${key}: '${path}' cannot be read`, {
      reason: 'InvalidConfig',
      hint: `check the path and that the gateway's user may read it`,
      cause: error,
    });
  }
}

function checkAll(tls: TlsFiles, { cert, key, ca, crl }: Pems): void {
  check(`tls: '${tls.certPath}' and '${tls.keyPath}' are no certificate and its key`, () =>
    createSecureContext({ cert, key }),
  );
  if (ca !== undefined) {
    check(`tls.client_ca_path: '${tls.clientCaPath}' is no certificate`, () => new X509Certificate(ca));
  }
  if (crl !== undefined) {
    check(`tls.client_crl_path: '${tls.clientCrlPath}' is no revocation list`, () =>
      createSecureContext({ crl }),
    );
  }
}

/** A listener looks at what it is given only when it needs it, and then says nothing about which file is wrong. */
function check(what: string, parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    throw failedPrecondition(what, {
      reason: 'InvalidConfig',
      hint: 'give PEM files, the key without a passphrase',
      cause: error,
    });
  }
}
