import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import type { SandboxRef } from '../../compute/sandbox.js';
import type { Engine } from './engine.js';
import { orAlready } from './engine-errors.js';
import type { SandboxNetwork } from './network.js';

/** Starts a container; one that runs is left as it is. A network that somebody removed is made again, once. */
export async function startContainer(
  engine: Engine,
  network: SandboxNetwork,
  containerId: string,
  ref: SandboxRef,
): Promise<void> {
  await network.ensure();
  function start() {
    return engine.call(
      `start of sandbox '${ref.name}'`,
      (abortSignal) => orAlready(304, engine.docker.getContainer(containerId).start({ abortSignal })),
      { reason: 'ContainerStartFailed' },
    );
  }

  try {
    await start();
  } catch (error) {
    const { message, code } = OpenShellError.from(error);
    if (code === Code.NOT_FOUND && /network .* not found/i.test(message)) {
      network.forget();
      await network.ensure();
      return start();
    }
    if (/could not select device driver|unresolvable CDI devices/i.test(message)) {
      throw failedPrecondition(message, {
        reason: 'GpuUnavailable',
        field: 'spec.gpu',
        hint: 'install the container toolkit of the GPU vendor on the host',
        cause: error,
      });
    }
    throw error;
  }
}
