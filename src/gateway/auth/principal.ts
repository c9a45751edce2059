import type { OpenShellError } from '../../compute/errors.js';
import type { Evidence } from '../../rpc/server/contract.js';

/** Who makes a call. */
export type Principal = UserPrincipal | SandboxPrincipal | AnonymousPrincipal;

export interface UserPrincipal {
  readonly kind: 'user';
  /** A permanent name of the user, e.g. a certificate's common name. */
  readonly subject: string;
  readonly displayName: string;
  /** For now `platform_admin` for every user. */
  readonly roles: readonly string[];
  /** As the provider reports them. */
  readonly groups: readonly string[];
  /** What authenticated the user: `mtls`, `local_dev`. */
  readonly provider: string;
  /** When the authentication expires; undefined: never. */
  readonly validUntilMs?: number | undefined;
}

/** The software in a sandbox, which may ask about its own sandbox only. */
export interface SandboxPrincipal {
  readonly kind: 'sandbox';
  readonly subject: string;
  readonly sandboxId: string;
  readonly provider: string;
  readonly validUntilMs?: number | undefined;
}

/** The caller of a method that needs no authentication. */
export interface AnonymousPrincipal {
  readonly kind: 'anonymous';
  readonly subject: '';
}

export const ANONYMOUS: AnonymousPrincipal = { kind: 'anonymous', subject: '' };

/** Who may call a method, and whether it changes anything. */
export interface MethodAccess {
  /** `anyone`: without authentication. `operator`, `peer`: kinds of callers that this gateway does not support yet. */
  readonly who: 'anyone' | 'user' | 'sandbox' | 'either' | 'operator' | 'peer';
  /** Whether calls are logged. */
  readonly changes: boolean;
}

/** The call that a service works for. */
export interface Caller {
  readonly principal: Principal;
  readonly access: MethodAccess;
  /** From the client's `x-request-id`, or generated here; echoed and logged. */
  readonly requestId: string;
  /** Aborts when the client disconnects, its deadline passes, its authorization ends or the gateway stops. */
  readonly signal: AbortSignal;
}

export interface Authenticator {
  /**
   * Returns undefined when the evidence is of another kind: the next authenticator is asked. Throws UNAUTHENTICATED
   * when it is of this kind and invalid: no other is asked.
   */
  authenticate(evidence: Evidence, signal: AbortSignal): Promise<Principal | undefined>;
  /** UNAUTHENTICATED, for a caller that no authenticator recognized. Only the first of the chain is asked. */
  missing(): OpenShellError;
}
