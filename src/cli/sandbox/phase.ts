import { failedPrecondition } from '../../compute/errors.js';
import { type Sandbox, SandboxPhase, SandboxPhaseSchema } from '../../wire/v00/index.js';
import { enumWord } from '../output/plain.js';

export function phaseOf(sandbox: Sandbox): SandboxPhase {
  return sandbox.status?.phase ?? SandboxPhase.UNSPECIFIED;
}

/** The exit code of the main process; undefined while it runs, and if it never ran. */
export function exitCodeOfMain(sandbox: Sandbox): number | undefined {
  return phaseOf(sandbox) === SandboxPhase.ERROR ? sandbox.status?.exitCode : undefined;
}

/** For people: the phase as a word, and `exited (3)` for a main process that has ended. */
export function phaseWord(sandbox: Sandbox): string {
  const code = exitCodeOfMain(sandbox);
  return code === undefined ? enumWord(SandboxPhaseSchema, phaseOf(sandbox)) : `exited (${code})`;
}

/** Why a sandbox is not ready, as the engine reports it; empty when unknown. */
export function failureOf(sandbox: Sandbox): string {
  const condition = sandbox.status?.conditions.find(
    ({ type, status }) => type === 'Ready' && status === 'False',
  );
  if (condition === undefined) {
    return '';
  }
  const { reason, message } = condition;
  return reason && message ? `${reason}: ${message}` : message || reason;
}

/** FAILED_PRECONDITION, with a hint, for a sandbox in which nothing can be run now. */
export function requireReady(sandbox: Sandbox): void {
  const phase = phaseOf(sandbox);
  if (phase === SandboxPhase.READY) {
    return;
  }
  const name = sandbox.metadata?.name ?? '';
  const canStart = phase === SandboxPhase.STOPPED || exitCodeOfMain(sandbox) !== undefined;
  throw failedPrecondition(`sandbox '${name}' is not ready; its phase is ${phaseWord(sandbox)}`, {
    hint: canStart ? `openshell sandbox start ${name}` : `see openshell sandbox get ${name}`,
  });
}
