import { invalidArgument, type OpenShellError } from '../compute/errors.js';
import type { Reason } from '../compute/reasons.js';

/** One thing that is wrong with the configuration. */
export interface Problem {
  /** The file with its line, the flag or the environment variable at fault. */
  readonly place: string;
  /** The dotted key, when it says more than the place. */
  readonly key?: string | undefined;
  /** What is wrong and what is allowed. */
  readonly message: string;
}

function problemText({ place, key, message }: Problem): string {
  return key === undefined || key === place ? `${place}: ${message}` : `${place}: ${key}: ${message}`;
}

/** All problems as one INVALID_ARGUMENT with the given reason: one a line, a count before them when there are several. */
export function problemsError(reason: Reason, problems: readonly Problem[]): OpenShellError {
  const lines = problems.map(problemText);
  const message =
    lines.length === 1
      ? (lines[0] as string)
      : [`${lines.length} problems:`, ...lines.map((line) => `  ${line}`)].join('\n');
  return invalidArgument(message, { reason });
}
