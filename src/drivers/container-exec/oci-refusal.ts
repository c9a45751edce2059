import { type ExecRefusal, refusalOf } from '../../compute/exec-refusal.js';

/** As Go quotes a name. */
const QUOTED = '"(?:[^"\\\\\\n]|\\\\.)*"';
/** The runtime's reason is at the end of a line, or the engine's own text follows after a colon. */
const REASON = '(?<reason>[A-Za-z][A-Za-z ]*?)(?=:|\\s*(?:\\n|$))';

/** How runc and crun say that a program cannot be run. */
const PROGRAM = [
  new RegExp(`exec: ${QUOTED}: (?:stat [^]*?: )?${REASON}`),
  new RegExp(`(?:open|access) executable: ${REASON}`, 'i'),
  new RegExp(`exec container process \`[^\\n]*?\`: ${REASON}`, 'i'),
];
const NOT_FOUND = [
  new RegExp(`exec: ${QUOTED}: executable file not found in \\$PATH`),
  /executable file `[^\n]*?` not found/i,
];
/** That the working directory cannot be entered, whatever the reason. */
const WORKDIR = [
  new RegExp(`chdir to cwd \\(${QUOTED}\\) set in config\\.json failed: `),
  /(?:crun: chdir|chdir to [`'"][^\n]*?[`'"]): /i,
];

/**
 * The reason an OCI runtime, runc or crun, reports for a command that it could not start. Undefined when that is not the
 * command's fault, or the message is unknown.
 */
export function ociRefusal(message: string): ExecRefusal | undefined {
  if (WORKDIR.some((pattern) => pattern.test(message))) {
    return 'cannot be the working directory';
  }
  if (NOT_FOUND.some((pattern) => pattern.test(message))) {
    return 'no such file or directory';
  }
  for (const pattern of PROGRAM) {
    const reason = pattern.exec(message)?.groups?.reason;
    if (reason !== undefined) {
      return refusalOf(reason);
    }
  }
  return undefined;
}
