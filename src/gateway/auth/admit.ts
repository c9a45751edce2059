import type { Admitted, IncomingCall } from '../../rpc/server/contract.js';
import type { Authenticate } from './authenticate.js';
import type { Authorizer } from './authorizer.js';
import type { Change } from './changes.js';
import { checkKind } from './methods.js';
import { type Caller, type MethodAccess, NOBODY } from './principal.js';

interface AdmitOptions {
  readonly authenticate: Authenticate;
  readonly authorizer: Authorizer;
  /** Tells of every finished call that was to change something. */
  readonly recordChange: (change: Change) => void;
}

/** Tells who makes a call and looks after it until it ends; throws when that kind of caller may not make it. */
export function createAdmit({ authenticate, authorizer, recordChange }: AdmitOptions) {
  return async (
    call: IncomingCall,
    { access }: { readonly access: MethodAccess },
  ): Promise<Admitted<Caller>> => {
    const { method, requestId, signal, isStream } = call;
    const principal = access.who === 'anyone' ? NOBODY : await authenticate(call, signal);
    checkKind(principal, access);
    const caller: Caller = { principal, access, requestId, signal };
    const release = isStream || access.changes ? authorizer.watch(caller, call.abort) : undefined;
    return {
      caller,
      subject: principal.subject,
      ended(code) {
        if (access.changes) {
          recordChange({ caller, method, code, targets: authorizer.granted(caller) });
        }
        release?.();
      },
    };
  };
}
