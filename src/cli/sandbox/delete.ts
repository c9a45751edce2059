import { deadline, delay } from '../../compute/deadline.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import { methods } from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import { timeoutError } from '../failure.js';
import { sayMissing } from './lookup.js';

const FIRST_PAUSE_MS = 50;
const LAST_PAUSE_MS = 1000;

export interface DeleteOptions {
  readonly name: string;
  readonly workspace: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Deletes a sandbox and waits until it is gone. NOT_FOUND when there was none. */
export async function deleteSandbox(gateway: Gateway, options: DeleteOptions): Promise<void> {
  const { name, workspace, timeoutMs } = options;
  const signal = deadline(timeoutMs, options.signal);
  try {
    const request = { name, workspace };
    await sayMissing(request, gateway.call(methods.deleteSandbox, request, { timeoutMs, signal }));
    for (let pauseMs = FIRST_PAUSE_MS; await exists(gateway, name, workspace, signal); pauseMs *= 2) {
      await delay(Math.min(pauseMs, LAST_PAUSE_MS), signal);
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!signal.aborted) throw error;
    throw timeoutError(
      `sandbox '${name}' was not gone after ${timeoutMs / 1000} s`,
      `the gateway goes on deleting it: see openshell sandbox get ${name}`,
    );
  }
}

async function exists(
  gateway: Gateway,
  name: string,
  workspace: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await gateway.call(methods.getSandbox, { name, workspace }, { signal });
    return true;
  } catch (error) {
    if (error instanceof OpenShellError && error.code === Code.NOT_FOUND) return false;
    throw error;
  }
}
