import { invalidArgument, type OpenShellError } from '../compute/errors.js';
import type { Reason } from '../compute/reasons.js';

/** One problem of the configuration. */
export interface Problem {
  /** The file with its line, the flag, or the environment variable. */
  readonly place: string;
  /** The dotted key, unless it is the place. */
  readonly key?: string | undefined;
  /** What is wrong and what is allowed. */
  readonly message: string;
}

function problemText({ place, key, message }: Problem): string {
  return key === undefined || key === place ? `${place}: ${message}` : `${place}: ${key}: ${message}`;
}

/** All problems in one INVALID_ARGUMENT: one per line, after their count when there are several. */
export function problemsError(reason: Reason, problems: readonly Problem[]): OpenShellError {
  const lines = problems.map(problemText);
  const message = lines.length === 1 ? lines.join() : `${lines.length} problems:\n  ${lines.join('\n  ')}`;
  return invalidArgument(message, { reason });
}
