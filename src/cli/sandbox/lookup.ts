import { Code, OpenShellError } from '../../compute/errors.js';
import { methods, type Sandbox } from '../../wire/v00/index.js';
import type { Gateway } from '../connection/gateway.js';
import type { Context } from '../context.js';

/** A sandbox of the current workspace by its name. NOT_FOUND with a hint how to list sandboxes. */
export async function getSandbox(
  gateway: Gateway,
  { workspace, signal }: Pick<Context, 'workspace' | 'signal'>,
  name: string,
): Promise<Sandbox> {
  const request = { name, workspace };
  const { sandbox } = await sayMissing(request, gateway.call(methods.getSandbox, request, { signal }));
  return present(sandbox);
}

/** A response about a sandbox. NOT_FOUND names the sandbox, with a hint how to list sandboxes. */
export async function sayMissing<T>(
  { name, workspace }: { readonly name: string; readonly workspace: string },
  answer: Promise<T>,
): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof OpenShellError) || error.code !== Code.NOT_FOUND) {
      throw error;
    }
    throw new OpenShellError(Code.NOT_FOUND, `there is no sandbox '${name}' in workspace '${workspace}'`, {
      hint: 'see openshell sandbox list',
      cause: error,
    });
  }
}

/** The sandbox of a response; the protocol allows it to be missing. */
export function present(sandbox: Sandbox | undefined): Sandbox {
  if (sandbox?.metadata === undefined || sandbox.metadata.id === '') {
    throw new OpenShellError(Code.INTERNAL, 'the gateway answered without a sandbox');
  }
  return sandbox;
}

export function nameOf(sandbox: Sandbox): string {
  return sandbox.metadata?.name ?? '';
}

export function idOf(sandbox: Sandbox): string {
  return sandbox.metadata?.id ?? '';
}
