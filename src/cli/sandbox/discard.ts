import { OpenShellError } from '../../compute/errors.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';
import { failureLine } from '../failure.js';
import { deleteSandbox } from './delete.js';

const DISCARD_TIMEOUT_MS = 60_000;

/**
 * Removes a sandbox that this invocation created, also after an interrupt, and reports it. Never throws: if the sandbox
 * is left behind, it prints the command that removes it.
 */
export async function discardSandbox(
  { workspace, note }: Context,
  gateway: Gateway,
  name: string,
): Promise<void> {
  try {
    await deleteSandbox(gateway, { name, workspace, timeoutMs: DISCARD_TIMEOUT_MS });
    await note(`sandbox '${name}' deleted`);
  } catch (error) {
    const why = failureLine(OpenShellError.from(error));
    await note(`sandbox '${name}' is left behind: ${why}; remove it with openshell sandbox delete ${name}`);
  }
}
