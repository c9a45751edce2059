import { failedPrecondition, type OpenShellError } from '../../compute/errors.js';
import { type Sandbox, SandboxPhase, SandboxPhaseSchema } from '../../wire/v00/index.js';
import { readCount } from '../arguments/values.js';
import type { Gateway } from '../connection/gateway.js';
import { timeoutError } from '../failure.js';
import { enumWord } from '../output/plain.js';
import type { Progress } from '../terminal/progress.js';
import { idOf, nameOf } from './lookup.js';
import { exitCodeOfMain, failureOf, phaseOf } from './phase.js';
import { createEventDisplay, isProgress } from './progress-events.js';
import { watchSandbox } from './watch.js';

const DEFAULT_TIMEOUT_S = 300;
const MAX_TIMEOUT_S = 86_400;
const EVENT_TAIL = 50;

export interface WaitOptions {
  readonly gateway: Gateway;
  /** As the response to the call that started the change has it. */
  readonly sandbox: Sandbox;
  readonly until: typeof SandboxPhase.READY | typeof SandboxPhase.STOPPED;
  readonly timeoutMs: number;
  /** Progress of the sandbox restarts the timeout. */
  readonly extendedByProgress: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Waits until the sandbox has reached a phase. A main process that has ended was READY before: that counts too, and
 * the result then has its exit code. Any other ERROR is thrown with the sandbox's own reason.
 */
export async function waitForPhase(options: WaitOptions): Promise<Sandbox> {
  const { gateway, sandbox, until, timeoutMs, extendedByProgress, progress } = options;
  const settled = settle(sandbox, until);
  if (settled !== undefined) {
    return settled;
  }
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(tookTooLong(options)), timeoutMs);
  const signal = AbortSignal.any([options.signal, late.signal]);
  const eventTail = extendedByProgress ? EVENT_TAIL : 0;
  const request = { id: idOf(sandbox), followStatus: true, followEvents: true, eventTail };
  const showEvent = createEventDisplay(progress);
  let phase = phaseOf(sandbox);
  try {
    for await (const { payload } of watchSandbox(gateway, request, signal)) {
      if (payload.case === 'event') {
        showEvent(payload.value);
        if (extendedByProgress && isProgress(payload.value)) {
          timer.refresh();
        }
      } else if (payload.case === 'sandbox') {
        const result = settle(payload.value, until);
        if (result !== undefined) {
          return result;
        }
        if (phaseOf(payload.value) !== phase) {
          progress.phase(enumWord(SandboxPhaseSchema, phaseOf(payload.value)));
        }
        phase = phaseOf(payload.value);
      }
    }
    throw new Error('the watch of a sandbox ended without an error');
  } catch (error) {
    throw signal.aborted ? (signal.reason as OpenShellError) : error;
  } finally {
    clearTimeout(timer);
  }
}

function settle(sandbox: Sandbox, until: SandboxPhase): Sandbox | undefined {
  const phase = phaseOf(sandbox);
  if (phase === until) {
    return sandbox;
  }
  if (phase === SandboxPhase.DELETING) {
    throw failedPrecondition(`sandbox '${nameOf(sandbox)}' is being deleted`);
  }
  if (phase !== SandboxPhase.ERROR) {
    return undefined;
  }
  if (until === SandboxPhase.READY && exitCodeOfMain(sandbox) !== undefined) {
    return sandbox;
  }
  const why = failureOf(sandbox) || 'the gateway reported no reason';
  throw failedPrecondition(`sandbox '${nameOf(sandbox)}' failed: ${why}`, {
    hint: `look at it with openshell logs ${nameOf(sandbox)}, remove it with openshell sandbox delete ${nameOf(sandbox)}`,
  });
}

function tookTooLong({ sandbox, until, timeoutMs, extendedByProgress }: WaitOptions): OpenShellError {
  const word = enumWord(SandboxPhaseSchema, until);
  const seconds = timeoutMs / 1000;
  return timeoutError(
    `sandbox '${nameOf(sandbox)}' was not ${word} after ${seconds} s${extendedByProgress ? ' without progress' : ''}`,
    `it continues by itself: see openshell sandbox get ${nameOf(sandbox)}; ${extendedByProgress ? 'OPENSHELL_PROVISION_TIMEOUT' : 'OPENSHELL_LIFECYCLE_TIMEOUT'} sets the time`,
  );
}

/** A timeout in seconds from the environment, in milliseconds. Default: 300 s. */
export function timeoutFrom(
  env: NodeJS.ProcessEnv,
  variable: 'OPENSHELL_PROVISION_TIMEOUT' | 'OPENSHELL_LIFECYCLE_TIMEOUT',
): number {
  const seconds = readCount(variable, env[variable] || undefined, { min: 1, max: MAX_TIMEOUT_S });
  return (seconds ?? DEFAULT_TIMEOUT_S) * 1000;
}
