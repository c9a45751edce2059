import { methodAccess } from '../../dist/gateway/auth/methods.js';
import type { Caller, UserPrincipal } from '../../dist/gateway/auth/principal.js';

/** A user who calls, unless `principal` says otherwise, as an administrator on this machine. */
export function caller(principal: Partial<UserPrincipal> = {}): Caller {
  return {
    principal: {
      ...{ kind: 'user', subject: 'me', displayName: '', groups: [], provider: 'local_dev' },
      roles: ['platform_admin'],
      ...principal,
    },
    access: methodAccess('GetSandbox'),
    requestId: '',
    signal: new AbortController().signal,
  };
}
