import type { SandboxAccess } from '../../compute/driver.js';
import { failedPrecondition, notFound, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { SandboxRef } from '../../compute/sandbox.js';
import { deadline } from '../../kit/deadline.js';
import type { Containers } from './containers.js';
import type { ContainerEngine, ContainerPlan, ImageInfo } from './engine.js';
import { startExec } from './exec.js';

const LOOK_TIMEOUT_MS = 10_000;
/** How many containers' shells are remembered. */
const MAX_SHELLS_KNOWN = 10_000;

/** Exec and logs through the engine's own API. */
export function createAccess<Plan extends ContainerPlan, Image extends ImageInfo>(options: {
  readonly engine: ContainerEngine<Plan, Image>;
  readonly containers: Containers;
  readonly leftBehind: (ref: SandboxRef, why: string) => void;
  readonly log: Logger;
}): SandboxAccess {
  const { engine, containers, leftBehind, log } = options;
  const shells = new Map<string, Promise<boolean>>();

  function hasShell(containerId: string): Promise<boolean> {
    const known = shells.get(containerId);
    if (known !== undefined) {
      return known;
    }
    const asked = engine.hasShell(containerId);
    if (shells.size >= MAX_SHELLS_KNOWN) {
      shells.clear();
    }
    shells.set(containerId, asked);
    asked.catch(() => shells.delete(containerId));
    return asked;
  }

  async function firstPid(containerId: string): Promise<number> {
    const container = await containers.inspect(containerId, { signal: deadline(LOOK_TIMEOUT_MS) });
    return container?.State.Pid ?? 0;
  }

  return {
    exec: (ref, spec, options) =>
      containers.within(ref, options, async (containerId) => {
        const container = {
          containerId,
          hasShell: () => hasShell(containerId),
          firstPid: () => firstPid(containerId),
          leftBehind: (why: string) => leftBehind(ref, why),
          log,
        };
        try {
          return await startExec(engine.execs, container, spec, options);
        } catch (error) {
          const known = OpenShellError.from(error);
          throw engine.execs.isNotRunning(known)
            ? failedPrecondition(`the sandbox '${ref.name}' does not run`, {
                hint: 'start it first',
                cause: error,
              })
            : known;
        }
      }),

    async *logs(ref, logOptions) {
      const container = await containers.lookUp(ref, logOptions);
      if (container === undefined) {
        throw notFound(`${engine.title} has no sandbox '${ref.name}'`);
      }
      yield* engine.logs(container, logOptions);
    },
  };
}
