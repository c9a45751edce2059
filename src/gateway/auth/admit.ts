import type { Logger } from '../../compute/log.js';
import type { Admitted, IncomingCall } from '../../rpc/server/contract.js';
import type { Authenticate } from './authenticate.js';
import type { Authorizer, Target } from './authorizer.js';
import { checkKind } from './methods.js';
import { ANONYMOUS, type Caller, type MethodAccess } from './principal.js';

/**
 * How a call is admitted: an authenticator finds its principal, `checkKind` compares that with what the method requires
 * (methods.ts), and the services then ask the authorizer about each record. A call that can last is watched and ended
 * when its caller loses the right to it; a call that changes something is logged when it ends.
 */
export function createAdmit({
  authenticate,
  authorizer,
  log,
}: {
  authenticate: Authenticate;
  authorizer: Authorizer;
  log: Logger;
}) {
  return async (
    call: IncomingCall,
    { access }: { readonly access: MethodAccess },
  ): Promise<Admitted<Caller>> => {
    const { method, requestId, signal, isStream } = call;
    const principal = access.who === 'anyone' ? ANONYMOUS : await authenticate(call, signal);
    checkKind(principal, access);
    const caller: Caller = { principal, access, requestId, signal };
    const release = isStream || access.changes ? authorizer.watch(caller, call.abort) : undefined;
    return {
      caller,
      subject: principal.subject,
      ended(code) {
        if (access.changes) {
          logChange(log, caller, method, code, authorizer.granted(caller));
        }
        release?.();
      },
    };
  };
}

/** The only record of who changed what. */
function logChange(
  log: Logger,
  { principal, requestId }: Caller,
  method: string,
  code: number,
  targets: readonly Target[],
): void {
  const name = method.slice(method.lastIndexOf('/') + 1);
  log.info(`${name} by ${principal.subject}`, {
    method: name,
    code,
    subject: principal.subject,
    provider: principal.kind === 'anonymous' ? '' : principal.provider,
    request_id: requestId,
    targets: targets
      .map(({ workspace = '', sandboxId }) =>
        sandboxId === undefined ? workspace : `${workspace}/${sandboxId}`,
      )
      .join(' '),
  });
}
