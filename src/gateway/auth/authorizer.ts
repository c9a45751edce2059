import { Code, OpenShellError } from '../../compute/errors.js';
import type { Caller } from './principal.js';

/** What a call accesses. */
export interface Target {
  /** Undefined: all workspaces, or none in particular. */
  readonly workspace: string | undefined;
  readonly sandboxId?: string | undefined;
}

/** Decides who may do what; the services ask it for every record they find. */
export interface Authorizer {
  /** PERMISSION_DENIED when the caller may not; NOT_FOUND when the caller may not know that it exists. */
  require(caller: Caller, target: Target): Promise<void>;
  /**
   * Watches a call that can last: calls `end` once, when the caller's sign-in expires or when `recheck` finds that a
   * grant of this call was revoked. Returns the function to call when the call ends.
   */
  watch(caller: Caller, end: (reason: OpenShellError) => void): () => void;
  /** Checks all watched calls again, after permissions changed. */
  recheck(): Promise<void>;
  /** What a watched call was granted, for the log. */
  granted(caller: Caller): readonly Target[];
}

/** Throws when the caller may not. */
export type Rule = (caller: Caller, target: Target) => Promise<void> | void;

/** The limit of a timer; longer waits are split. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Kept for each call; a list across many workspaces asks once. */
const MOST_TARGETS = 16;

interface Watched {
  readonly targets: Target[];
  readonly end: (reason: OpenShellError) => void;
  timer: NodeJS.Timeout | undefined;
}

export function createAuthorizer(rule: Rule = everyUserMay): Authorizer {
  const watched = new Map<Caller, Watched>();

  function release(caller: Caller): void {
    clearTimeout(watched.get(caller)?.timer);
    watched.delete(caller);
  }

  function endCall(caller: Caller, reason: OpenShellError): void {
    const { end } = watched.get(caller) ?? {};
    release(caller);
    end?.(reason);
  }

  function expireAt(caller: Caller, call: Watched, atMs: number): void {
    const leftMs = atMs - Date.now();
    if (leftMs <= 0) {
      endCall(caller, expired());
    } else {
      call.timer = setTimeout(() => expireAt(caller, call, atMs), Math.min(leftMs, LONGEST_TIMER_MS)).unref();
    }
  }

  return {
    async require(caller, target) {
      await rule(caller, target);
      const call = watched.get(caller);
      if (call !== undefined && call.targets.length < MOST_TARGETS) {
        call.targets.push(target);
      }
    },
    watch(caller, end) {
      const call: Watched = { targets: [], end, timer: undefined };
      watched.set(caller, call);
      const { principal } = caller;
      const validUntilMs = principal.kind === 'anonymous' ? undefined : principal.validUntilMs;
      if (validUntilMs !== undefined) {
        expireAt(caller, call, validUntilMs);
      }
      return () => release(caller);
    },
    async recheck() {
      for (const [caller, { targets }] of [...watched]) {
        try {
          for (const target of targets) {
            await rule(caller, target);
          }
        } catch (error) {
          endCall(caller, OpenShellError.from(error));
        }
      }
    },
    granted: (caller) => watched.get(caller)?.targets ?? [],
  };
}

/** For now every user is a platform administrator; a sandbox may access itself only. */
function everyUserMay({ principal, access }: Caller, { sandboxId }: Target): void {
  if (principal.kind === 'user') {
    return;
  }
  if (principal.kind === 'sandbox' && principal.sandboxId === sandboxId) {
    return;
  }
  if (principal.kind === 'anonymous' && access.who === 'anyone') {
    return;
  }
  throw new OpenShellError(
    Code.PERMISSION_DENIED,
    'cross-sandbox access denied: principal does not own this sandbox',
    { reason: 'NotYourSandbox' },
  );
}

function expired(): OpenShellError {
  return new OpenShellError(Code.UNAUTHENTICATED, 'the sign-in of this call has expired', {
    reason: 'SignInExpired',
    hint: 'renew it and call again',
  });
}
