import { Code, OpenShellError } from '../../compute/errors.js';
import type { Caller } from './principal.js';

/** What a call is about. */
export interface Target {
  /** Undefined: all of them, or none in particular. */
  readonly workspace: string | undefined;
  readonly sandboxId?: string | undefined;
}

/** Who may do what, asked by the services wherever a record is found. */
export interface Authorizer {
  /** PERMISSION_DENIED when the caller may not; NOT_FOUND where the caller may not even know that it is there. */
  require(caller: Caller, target: Target): Promise<void>;
  /**
   * Looks after a call that lasts: `end` is told, once, when the caller's sign-in expires or, at `recheck`, when
   * something that was granted to this call is granted no more. Returns what the call's end calls.
   */
  watch(caller: Caller, end: (reason: OpenShellError) => void): () => void;
  /** Asks again for every call that is watched: for whoever changes who may do what. */
  recheck(): Promise<void>;
  /** What was granted to a call that is watched, for its record. */
  granted(caller: Caller): readonly Target[];
}

/** Throws when the caller may not. */
export type Rule = (caller: Caller, target: Target) => Promise<void> | void;

/** Longer waits are cut by a timer's range and begin anew. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Of one call; a list that goes over many workspaces asks once. */
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
      const validUntilMs = principal.kind === 'nobody' ? undefined : principal.validUntilMs;
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

/** Every user is a platform administrator for now; a sandbox asks about itself. */
function everyUserMay({ principal, access }: Caller, { sandboxId }: Target): void {
  if (principal.kind === 'user') {
    return;
  }
  if (principal.kind === 'sandbox' && principal.sandboxId === sandboxId) {
    return;
  }
  if (principal.kind === 'nobody' && access.who === 'anyone') {
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
