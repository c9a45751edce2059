import type { SandboxAccess } from '../../compute/driver.js';
import { Code, failedPrecondition, notFound, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { SandboxRef } from '../../compute/sandbox.js';
import { pathExists } from './archive.js';
import type { Containers } from './containers.js';
import type { Engine } from './engine.js';
import { startExec } from './exec.js';
import { containerLogs } from './logs.js';

/** For calls that go on when their caller has gone; each has a deadline of its own. */
const NO_SIGNAL = { signal: new AbortController().signal };
/** How many containers' shells are remembered. */
const MAX_SHELLS_KNOWN = 10_000;

/** Exec and logs through the engine's own API. */
export function createAccess(options: {
  readonly engine: Engine;
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
    const asked = pathExists(engine, containerId, '/bin/sh');
    if (shells.size >= MAX_SHELLS_KNOWN) {
      shells.clear();
    }
    shells.set(containerId, asked);
    asked.catch(() => shells.delete(containerId));
    return asked;
  }

  return {
    exec: (ref, spec, call) =>
      containers.within(ref, call, async (containerId) => {
        try {
          const target = {
            engine,
            containerId,
            hasShell: () => hasShell(containerId),
            firstPid: async () => (await containers.inspect(containerId, NO_SIGNAL))?.State.Pid ?? 0,
            leftBehind: (why: string) => leftBehind(ref, why),
            log,
          };
          return await startExec(target, spec, call);
        } catch (error) {
          const known = OpenShellError.from(error);
          if (known.code !== Code.FAILED_PRECONDITION || !/not running|is paused/i.test(known.message)) {
            throw known;
          }
          throw failedPrecondition(`the sandbox '${ref.name}' does not run`, {
            hint: 'start it first',
            cause: error,
          });
        }
      }),

    async *logs(ref, logOptions) {
      const info = await containers.lookUp(ref, logOptions);
      if (info === undefined) {
        throw notFound(`Docker has no sandbox '${ref.name}'`);
      }
      yield* containerLogs(engine, info.Id, info.Config.Tty, logOptions);
    },
  };
}
