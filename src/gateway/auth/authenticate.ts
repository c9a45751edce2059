import type { Evidence } from '../../rpc/server/contract.js';
import { createLocal } from './local.js';
import { mutualTls } from './mutual-tls.js';
import type { Authenticator, Principal } from './principal.js';

export interface AuthOptions {
  /** A client certificate is required and its common name is the user. */
  readonly mutualTls: boolean;
  /** Callers from other machines are admitted without authentication. */
  readonly allowUnauthenticated: boolean;
}

export type Authenticate = (evidence: Evidence, signal: AbortSignal) => Promise<Principal>;

/** The configured authenticators, in order. */
export function authenticators({
  mutualTls: byCertificate,
  allowUnauthenticated,
}: AuthOptions): Authenticator[] {
  return [byCertificate ? mutualTls : createLocal({ everywhere: allowUnauthenticated })];
}

/** Takes the first authenticator that recognizes the caller; UNAUTHENTICATED when none does. `chain` is not empty. */
export function createAuthenticate(chain: readonly Authenticator[]): Authenticate {
  return async (evidence, signal) => {
    for (const authenticator of chain) {
      const principal = await authenticator.authenticate(evidence, signal);
      if (principal !== undefined) {
        return principal;
      }
    }
    throw (chain[0] as Authenticator).missing();
  };
}
