import { methods } from '../../wire/v00/index.js';
import { deleteAndWait } from '../connection/delete-and-wait.js';
import type { Gateway } from '../connection/gateway.js';
import { sayMissing } from './lookup.js';

export interface DeleteOptions {
  readonly name: string;
  readonly workspace: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Deletes a sandbox and waits until it is gone. NOT_FOUND when there was none. */
export async function deleteSandbox(gateway: Gateway, options: DeleteOptions): Promise<void> {
  const { name, workspace, timeoutMs, signal } = options;
  const request = { name, workspace };
  await deleteAndWait({
    what: `sandbox '${name}'`,
    see: `openshell sandbox get ${name}`,
    remove: (options) => sayMissing(request, gateway.call(methods.deleteSandbox, request, options)),
    get: (options) => gateway.call(methods.getSandbox, request, options),
    timeoutMs,
    signal,
  });
}
