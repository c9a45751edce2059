import { Code, OpenShellError } from '../compute/errors.js';
import { foreignReason } from '../compute/reasons.js';
import { printable } from './output/printable.js';

/** Exit codes of the process. `exec` and `connect` return the remote command's own code instead. */
export const EXIT = { ok: 0, failure: 1, usage: 2, timeout: 124, interrupted: 130, brokenPipe: 141 } as const;

const USAGE = 'Usage';
const SIGNAL_EXITS: Readonly<Record<string, number>> = {
  SIGINT: EXIT.interrupted,
  SIGTERM: 143,
  SIGHUP: 129,
  SIGPIPE: EXIT.brokenPipe,
};

/** The command line itself is wrong: exit code 2. */
export function usageError(message: string, hint?: string): OpenShellError {
  return new OpenShellError(
    Code.INVALID_ARGUMENT,
    message,
    hint ? { reason: USAGE, hint } : { reason: USAGE },
  );
}

/** The user or the caller sent a signal; SIGPIPE: whoever read our output has gone. */
export function interruptedError(signal: string): OpenShellError {
  return new OpenShellError(Code.CANCELLED, 'interrupted', { reason: foreignReason(signal) });
}

export function timeoutError(message: string, hint: string): OpenShellError {
  return new OpenShellError(Code.DEADLINE_EXCEEDED, message, { hint });
}

export function exitCodeOf(error: OpenShellError): number {
  if (error.reason === USAGE) {
    return EXIT.usage;
  }
  if (error.code === Code.DEADLINE_EXCEEDED) {
    return EXIT.timeout;
  }
  if (error.code === Code.CANCELLED) {
    return SIGNAL_EXITS[error.reason ?? ''] ?? EXIT.failure;
  }
  return EXIT.failure;
}

/** An end that the user caused is not reported. */
export function isSilent(error: OpenShellError): boolean {
  return error.code === Code.CANCELLED && (error.reason ?? '') in SIGNAL_EXITS;
}

/** `error: what (hint)` in one line, even for a multi-line message; with the field unless the message names it. */
export function failureLine(error: OpenShellError): string {
  const { field, message } = error;
  const where = field === undefined || message.includes(field) ? '' : `${field}: `;
  const hint = error.hint === undefined ? '' : ` (${error.hint})`;
  return `error: ${printable(`${where}${message}${hint}`.replaceAll(/\s*\n\s*/g, '; '))}`;
}
