import type { CallOptions, SandboxAccess } from '../../compute/driver.js';
import { Code, failedPrecondition, notFound, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { SandboxRef } from '../../compute/sandbox.js';
import { deadline } from '../../kit/deadline.js';
import type { PodmanClient } from './api/client.js';
import type { Containers } from './containers.js';
import { startExecSession } from './exec.js';
import { containerLogs } from './logs.js';
import type { PodmanSettings } from './settings.js';

const LOOK_TIMEOUT_MS = 10_000;

/** Exec and logs through Podman's own API. */
export function createAccess(options: {
  readonly client: PodmanClient;
  readonly containers: Containers;
  readonly settings: PodmanSettings;
  readonly leftBehind: (ref: SandboxRef, why: string) => void;
  readonly log: Logger;
}): SandboxAccess {
  const { client, containers, settings, leftBehind, log } = options;

  async function containerOf(ref: SandboxRef, call: CallOptions): Promise<string> {
    const id = await containers.find(ref.id, call);
    if (id === undefined) {
      throw notFound(`Podman has no sandbox '${ref.name}'`);
    }
    return id;
  }

  return {
    async exec(ref, spec, { signal }) {
      const containerId = await containerOf(ref, { signal });
      function look() {
        return { signal: deadline(LOOK_TIMEOUT_MS) };
      }

      const target = {
        client,
        containerId,
        workspacePath: settings.workspace_path,
        hasShell: async () => (await client.pathMode(containerId, '/bin/sh', look())) !== undefined,
        firstPid: async () => (await client.inspectContainer(containerId, look()))?.State.Pid ?? 0,
        leftBehind: (why: string) => leftBehind(ref, why),
        log,
      };
      try {
        return await startExecSession(target, spec, { signal });
      } catch (error) {
        const fault = OpenShellError.from(error);
        if (fault.code === Code.NOT_FOUND) {
          containers.forget(ref.id);
          throw notFound(`Podman has no sandbox '${ref.name}'`, { cause: error });
        }
        if (isNotRunning(fault)) {
          throw failedPrecondition(`the sandbox '${ref.name}' does not run`, { cause: error });
        }
        throw fault;
      }
    },

    async *logs(ref, logOptions) {
      const { signal } = logOptions;
      const containerId = await containerOf(ref, { signal });
      const container = await client.inspectContainer(containerId, { signal });
      if (container === undefined) {
        containers.forget(ref.id);
        throw notFound(`Podman has no sandbox '${ref.name}'`);
      }
      yield* containerLogs(client, containerId, container.Config.Tty, logOptions);
    },
  };
}

function isNotRunning({ message }: OpenShellError): boolean {
  return /container state improper|can only create exec sessions on running containers|is not running/i.test(
    message,
  );
}
