import { isIP } from 'node:net';
import { Code, OpenShellError } from '../../compute/errors.js';
import { isLoopback } from '../../kit/loopback.js';
import type { Authenticator, UserPrincipal } from './principal.js';

const LOCAL: UserPrincipal = {
  kind: 'user',
  subject: 'unauthenticated-local-dev',
  displayName: 'Local administrator',
  roles: ['platform_admin'],
  groups: [],
  provider: 'local_dev',
};

/** Callers on this machine are administrators; with `everywhere`, callers on other machines too. */
export function createLocal({ everywhere }: { readonly everywhere: boolean }): Authenticator {
  return {
    async authenticate({ peer }) {
      return everywhere || isLoopback(hostOf(peer.address)) ? LOCAL : undefined;
    },
    missing() {
      return new OpenShellError(Code.UNAUTHENTICATED, 'missing authorization header', {
        reason: 'NotLoopback',
        hint: 'call from this machine, or set auth.allow_unauthenticated_users or tls.client_ca_path',
      });
    },
  };
}

function hostOf(address: string): string {
  const bracketed = /^\[(.*)\]:\d+$/.exec(address);
  if (bracketed !== null) {
    return bracketed[1] as string;
  }
  const colon = address.lastIndexOf(':');
  return colon === -1 || isIP(address) === 6 ? address : address.slice(0, colon);
}
