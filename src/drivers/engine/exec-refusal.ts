import type { ExecSpec } from '../../compute/driver.js';
import { invalidArgument, type OpenShellError } from '../../compute/errors.js';

/** How the engine begins its word about a command that its runtime could not start. */
const REFUSAL =
  /^(OCI runtime exec failed|runc|crun|exec failed|rpc error|Error: (runc|crun|read unixpacket|[^\n]*OCI (runtime|permission)))/;
const LONGEST_REFUSAL_BYTES = 8 * 1024;

/** Whether output may be the engine's word and not the command's. A command may print the same. */
export const isRefusal = (data: Uint8Array): boolean =>
  data.length <= LONGEST_REFUSAL_BYTES && REFUSAL.test(Buffer.from(data).toString('utf8'));

/** INVALID_ARGUMENT for a command that never ran; `said` is what the engine put into the output about it. */
export const notStarted = ({ command, workdir }: ExecSpec, said: Uint8Array | undefined): OpenShellError => {
  const text = said === undefined ? '' : Buffer.from(said).toString('utf8').trim();
  const cause = new Error(text);
  if (/chdir to cwd/i.test(text)) {
    return invalidArgument(`the working directory '${workdir}' does not exist in the sandbox`, {
      field: 'workdir',
      cause,
    });
  }
  return invalidArgument(`the command '${command[0]}' cannot be started: ${reason(text)}`, {
    field: 'command',
    cause,
  });
};

const reason = (text: string): string => {
  if (/executable file not found|no such file or directory/i.test(text)) return 'there is no such program';
  if (/permission denied/i.test(text)) return 'it may not be executed';
  return text === '' ? 'the engine does not say why' : text;
};
