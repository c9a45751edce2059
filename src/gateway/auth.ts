import { isIP } from 'node:net';
import { Code, OpenShellError } from '../compute/errors.js';
import type { Peer } from '../rpc/server/contract.js';

/** Who makes a call. Every authenticated user is a platform administrator for now. */
export interface User {
  readonly subject: string;
  readonly displayName: string;
  readonly roles: readonly string[];
  readonly identityProvider: 'mtls' | 'local_dev';
}

export interface AuthOptions {
  /** A client certificate is required and its common name is the user. */
  readonly mutualTls: boolean;
  /** Callers beyond loopback are let in without a name. */
  readonly allowUnauthenticated: boolean;
}

const ADMIN = ['platform_admin'];
const LOCAL: User = {
  subject: 'unauthenticated-local-dev',
  displayName: 'Local administrator',
  roles: ADMIN,
  identityProvider: 'local_dev',
};

/** Who calls a method that is answered without authentication. */
export const NOBODY: User = { subject: '', displayName: '', roles: [], identityProvider: 'local_dev' };

/** Tells the user of a call, or throws UNAUTHENTICATED. */
export const createAuthenticator =
  (options: AuthOptions) =>
  (peer: Peer): User => {
    if (options.mutualTls) {
      const [name, ...more] = peer.certificateCommonNames;
      if (more.length > 0) {
        throw new OpenShellError(Code.UNAUTHENTICATED, 'the client certificate has several common names', {
          reason: 'ClientCertificateAmbiguous',
          hint: 'give a certificate with one: it is the user',
        });
      }
      // The handshake saw one that was valid; a connection may outlive it.
      if (peer.certificateExpiresMs !== undefined && !(peer.certificateExpiresMs > Date.now())) {
        throw new OpenShellError(Code.UNAUTHENTICATED, 'the client certificate has expired', {
          reason: 'ClientCertificateExpired',
          hint: 'renew it and connect again',
        });
      }
      if (name === undefined || name === '') {
        throw new OpenShellError(Code.UNAUTHENTICATED, 'missing client certificate', {
          reason: 'ClientCertificateMissing',
          hint: 'give a certificate of the configured client CA that has a common name',
        });
      }
      return { subject: name, displayName: name, roles: ADMIN, identityProvider: 'mtls' };
    }
    if (options.allowUnauthenticated || isLoopback(hostOf(peer.address))) return LOCAL;
    throw new OpenShellError(Code.UNAUTHENTICATED, 'missing authorization header', {
      reason: 'NotLoopback',
      hint: 'call from this machine, or set auth.allow_unauthenticated_users or tls.client_ca_path',
    });
  };

const hostOf = (address: string): string => {
  const bracketed = /^\[(.*)\]:\d+$/.exec(address);
  if (bracketed !== null) return bracketed[1] as string;
  const colon = address.lastIndexOf(':');
  return colon === -1 || isIP(address) === 6 ? address : address.slice(0, colon);
};

/** Whether an IP address or `localhost` is this machine alone. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' ||
  (isIP(host) === 4 && host.startsWith('127.')) ||
  host === '::1' ||
  /^::ffff:127\./i.test(host);
