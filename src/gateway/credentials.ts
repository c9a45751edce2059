import { readFile } from 'node:fs/promises';
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
      reason: 'ConfigInvalid',
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
  try {
    return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], ca !== null);
  } catch (error) {
    throw failedPrecondition(`tls: '${tls.certPath}' and '${tls.keyPath}' are no certificate and key`, {
      reason: 'ConfigInvalid',
      cause: error,
    });
  }
};
