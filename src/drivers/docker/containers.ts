import type { ContainerInfo, ContainerInspectInfo } from 'dockerode';
import type { CallOptions } from '../../compute/driver.js';
import { Code, notFound, OpenShellError } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import type { ObservedSandbox, SandboxRef } from '../../compute/sandbox.js';
import { createListed } from '../container/listed.js';
import { mapLimited } from '../container/map-limited.js';
import type { Engine } from './engine.js';
import { engineStatus } from './engine-errors.js';
import { HELPER_LABEL, workspaceVolumeName } from './names.js';
import { removeContainer, removeVolume } from './removal.js';
import { listedState, observedSandbox, seenState } from './status.js';

const CALLS_AT_ONCE = 8;

/** What one sandbox has on the engine. */
interface Holding {
  readonly containerId: string;
  readonly volume: string | undefined;
}

/** This gateway's containers. Which one is whose is remembered, as neither its id nor its labels can change. */
export interface Containers {
  /** The container's id, without asking the engine when it is remembered. */
  find(ref: SandboxRef, options: CallOptions): Promise<string | undefined>;
  /** The containers that the engine has for one sandbox, or for all. */
  all(options: CallOptions, sandboxId?: string): Promise<{ sandboxId: string; containerId: string }[]>;
  /** Undefined when it is gone. */
  inspect(containerId: string, options: CallOptions): Promise<ContainerInspectInfo | undefined>;
  /** The sandbox's container as it is now; one that was remembered and is gone is looked for once more. */
  lookUp(ref: SandboxRef, options: CallOptions): Promise<ContainerInspectInfo | undefined>;
  inspectAll(options: CallOptions): Promise<ContainerInspectInfo[]>;
  /** The sandboxes by one list; looks at the containers alone of which that says something new. */
  list(options: CallOptions): Promise<ObservedSandbox[]>;
  remember(sandboxId: string, holding: Holding): void;
  /** With the sandbox's container; one that was remembered and is gone is looked for once more. NOT_FOUND when there is none. */
  within<T>(ref: SandboxRef, options: CallOptions, work: (containerId: string) => Promise<T>): Promise<T>;
  /** Removes all that one sandbox has. False when there was nothing. */
  remove(sandboxId: string, options: CallOptions): Promise<boolean>;
}

export function createContainers(engine: Engine, gatewayId: string): Containers {
  const known = new Map<string, Holding>();

  function filters(sandboxId: string | undefined) {
    return {
      label: [
        `${LABEL.gatewayId}=${gatewayId}`,
        ...(sandboxId === undefined ? [] : [`${LABEL.sandboxId}=${sandboxId}`]),
      ],
    };
  }

  const listed = createListed({ limit: CALLS_AT_ONCE, listedState, seenState, observe: observedSandbox });

  function list(sandboxId: string | undefined, { signal }: CallOptions): Promise<ContainerInfo[]> {
    return engine.call(
      'list of the sandboxes',
      (abortSignal) => engine.docker.listContainers({ all: true, filters: filters(sandboxId), abortSignal }),
      { signal },
    );
  }

  function sandboxesOnly(found: ContainerInfo[]) {
    return found.filter((c) => c.Labels[HELPER_LABEL] !== 'true');
  }

  const all: Containers['all'] = async (options, sandboxId) => {
    const found = sandboxesOnly(await list(sandboxId, options));
    return found.map((c) => {
      const id = c.Labels[LABEL.sandboxId] ?? '';
      const own = workspaceVolumeName({ id });
      const volume = c.Mounts.some((mount) => mount.Name === own) ? own : undefined;
      known.set(id, { containerId: c.Id, volume });
      return { sandboxId: id, containerId: c.Id };
    });
  };

  const find: Containers['find'] = async ({ id }, options) =>
    known.get(id)?.containerId ?? (await all(options, id))[0]?.containerId;

  const inspect: Containers['inspect'] = (containerId, { signal }) =>
    engine.call(
      'look at a container',
      async (abortSignal) => {
        try {
          const info = await engine.docker.getContainer(containerId).inspect({ abortSignal });
          listed.see(info);
          return info;
        } catch (error) {
          if (engineStatus(error) === 404) {
            return undefined;
          }
          throw error;
        }
      },
      { signal },
    );

  /** Everything with the sandbox's labels, also what a create that was cut off has left. */
  async function removeLabelled(sandboxId: string, options: CallOptions): Promise<boolean> {
    const containers = await list(sandboxId, options);
    const removed = await mapLimited(containers, CALLS_AT_ONCE, (c) => removeContainer(engine, c.Id));
    const { Volumes } = await engine.call(
      'list of the volumes',
      (abortSignal) => engine.docker.listVolumes({ filters: filters(sandboxId), abortSignal }),
      options,
    );
    const volumes = await mapLimited(Volumes ?? [], CALLS_AT_ONCE, (v) => removeVolume(engine, v.Name));
    return [...removed, ...volumes].some(Boolean);
  }

  return {
    find,
    all,
    inspect,
    async inspectAll(options) {
      const ids = await all(options);
      const found = await mapLimited(ids, CALLS_AT_ONCE, ({ containerId }) => inspect(containerId, options));
      return found.filter((info) => info !== undefined);
    },
    list: async (options) =>
      listed.all(sandboxesOnly(await list(undefined, options)), (id) => inspect(id, options)),
    async lookUp(ref, options) {
      const remembered = known.get(ref.id)?.containerId;
      const info = remembered === undefined ? undefined : await inspect(remembered, options);
      if (info !== undefined) {
        return info;
      }
      const [found] = await all(options, ref.id);
      return found === undefined ? undefined : inspect(found.containerId, options);
    },
    remember: (sandboxId, holding) => void known.set(sandboxId, holding),
    async within(ref, options, work) {
      for (let attempt = 0; attempt < 2; attempt++) {
        const remembered = known.has(ref.id);
        const id = await find(ref, options);
        if (id === undefined) {
          break;
        }
        try {
          return await work(id);
        } catch (error) {
          if (OpenShellError.from(error).code !== Code.NOT_FOUND) {
            throw error;
          }
          known.delete(ref.id);
          if (!remembered) {
            break;
          }
        }
      }
      throw notFound(`Docker has no sandbox '${ref.name}'`);
    },
    async remove(sandboxId, options) {
      const holding = known.get(sandboxId);
      if (holding === undefined || !(await removeContainer(engine, holding.containerId))) {
        known.delete(sandboxId);
        return removeLabelled(sandboxId, options);
      }
      if (holding.volume !== undefined) {
        await removeVolume(engine, holding.volume);
      }
      known.delete(sandboxId);
      return true;
    },
  };
}
