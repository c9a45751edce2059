import type { ExecSpec } from '../../compute/driver.js';
import { invalidArgument, type OpenShellError } from '../../compute/errors.js';
import { cutText } from '../../kit/text.js';

/** How the engine begins its word about a command that its runtime could not start. */
const REFUSAL =
  /^(OCI runtime exec failed|runc|crun|exec failed|rpc error|Error: (runc|crun|read unixpacket|[^\n]*OCI (runtime|permission)))/;
/** It repeats the name of the program, which has at most 4 KiB, once or twice and with escapes. */
export const LONGEST_REFUSAL_BYTES = 32 * 1024;
const LONGEST_REASON_BYTES = 1024;

/** Whether output may be the engine's word and not the command's. A command may print the same. */
export function isRefusal(data: Uint8Array): boolean {
  return data.length <= LONGEST_REFUSAL_BYTES && REFUSAL.test(Buffer.from(data).toString('utf8'));
}

/** INVALID_ARGUMENT for a command that never ran, for a reason that no shell has a code for: `said` by the engine. */
export function notStarted({ command }: ExecSpec, said: string): OpenShellError {
  return invalidArgument(
    `the command '${command[0]}' cannot be started: ${cutText(said, LONGEST_REASON_BYTES) || 'the engine does not say why'}`,
    { field: 'command', cause: new Error(said) },
  );
}
