import type { ExecSpec } from '../../compute/driver.js';
import { invalidArgument, type OpenShellError } from '../../compute/errors.js';
import { cutText } from '../../kit/text.js';

/** How the engine's message about a command that its runtime could not start begins. */
const REFUSAL =
  /^(OCI runtime exec failed|runc|crun|exec failed|rpc error|Error: (runc|crun|read unixpacket|[^\n]*OCI (runtime|permission)))/;
/** It repeats the name of the program, which has at most 4 KiB, once or twice and with escapes. */
export const LONGEST_REFUSAL_BYTES = 32 * 1024;
const LONGEST_REASON_BYTES = 1024;

/** Whether output may be the engine's message and not the command's. A command may print the same. */
export function isRefusal(data: Uint8Array): boolean {
  return data.length <= LONGEST_REFUSAL_BYTES && REFUSAL.test(Buffer.from(data).toString('utf8'));
}

/** INVALID_ARGUMENT for a command that never ran, for a reason that no shell has a code for; `message` is the engine's. */
export function notStarted({ command }: ExecSpec, message: string): OpenShellError {
  return invalidArgument(
    `the command '${command[0]}' cannot be started: ${cutText(message, LONGEST_REASON_BYTES) || 'the engine does not report why'}`,
    { field: 'command', cause: new Error(message) },
  );
}
