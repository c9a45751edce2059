import type { OpenShellError } from '../../compute/errors.js';
import type { Evidence } from '../../rpc/server/contract.js';

/** Who makes a call. */
export type Principal = UserPrincipal | SandboxPrincipal | Nobody;

export interface UserPrincipal {
  readonly kind: 'user';
  /** Names the user for good, e.g. a certificate's common name. */
  readonly subject: string;
  readonly displayName: string;
  /** Today `platform_admin` for every user. */
  readonly roles: readonly string[];
  /** Those that the provider tells of. */
  readonly groups: readonly string[];
  /** What has vouched for the user: `mtls`, `local_dev`. */
  readonly provider: string;
  /** When this ends; undefined: not by itself. */
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

/** Who calls a method that needs no name. */
export interface Nobody {
  readonly kind: 'nobody';
  readonly subject: '';
}

export const NOBODY: Nobody = { kind: 'nobody', subject: '' };

/** Who may call a method at all, and whether it changes anything. */
export interface MethodAccess {
  /** `anyone`: without authentication. `operator`, `peer`: kinds of callers that this gateway does not know yet. */
  readonly who: 'anyone' | 'user' | 'sandbox' | 'either' | 'operator' | 'peer';
  /** Whether a call is recorded. */
  readonly changes: boolean;
}

/** What every service is told about the call that it works for. */
export interface Caller {
  readonly principal: Principal;
  readonly access: MethodAccess;
  /** From the client's `x-request-id`, or made here; echoed and logged. */
  readonly requestId: string;
  /** Aborts when the client goes away, its deadline passes, its right ends or the gateway does. */
  readonly signal: AbortSignal;
}

export interface Authenticator {
  /**
   * The principal; undefined when the evidence is of another kind: the next one is asked. Throws UNAUTHENTICATED when
   * it is of this kind and wrong: nobody else is asked.
   */
  authenticate(evidence: Evidence, signal: AbortSignal): Promise<Principal | undefined>;
  /** What a caller is told whom nobody knew, UNAUTHENTICATED; that of the first in the chain counts. */
  missing(): OpenShellError;
}
