import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import { failedPrecondition } from '../compute/errors.js';

export interface TlsFiles {
  readonly certPath: string;
  readonly keyPath: string;
  /** Undefined: clients need no certificate. */
  readonly clientCaPath: string | undefined;
}

const read = async (path: string, key: string): Promise<Buffer> => {
  try {
    return await readFile(path);
  } catch (error) {
    throw failedPrecondition(`tls.${key}: '${path}' cannot be read`, {
      reason: 'InvalidConfig',
      hint: `check the path and that the gateway's user may read it`,
      cause: error,
    });
  }
};

/** Server credentials from PEM files; plaintext without files. */
export const loadCredentials = async (tls: TlsFiles | undefined): Promise<ServerCredentials> => {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const [cert, key, ca] = await Promise.all([
    read(tls.certPath, 'cert_path'),
    read(tls.keyPath, 'key_path'),
    tls.clientCaPath === undefined ? null : read(tls.clientCaPath, 'client_ca_path'),
  ]);
  check(`tls: '${tls.certPath}' and '${tls.keyPath}' are no certificate and its key`, () =>
    createSecureContext({ cert, key }),
  );
  if (ca !== null) {
    check(`tls.client_ca_path: '${tls.clientCaPath}' is no certificate`, () => new X509Certificate(ca));
  }
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null);
};

/** grpc-js looks at what it is given only when it listens, and then says nothing about which file is wrong. */
const check = (what: string, parse: () => unknown): void => {
  try {
    parse();
  } catch (error) {
    throw failedPrecondition(what, {
      reason: 'InvalidConfig',
      hint: 'give PEM files, the key without a passphrase',
      cause: error,
    });
  }
};
