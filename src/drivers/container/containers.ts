import type { CallOptions } from '../../compute/driver.js';
import { Code, notFound, OpenShellError } from '../../compute/errors.js';
import type { ObservedSandbox, SandboxRef } from '../../compute/sandbox.js';
import type { ContainerEngine, ContainerInfo, ContainerPlan, ContainerSummary, ImageInfo } from './engine.js';
import { createListed } from './listed.js';
import { mapLimited } from './map-limited.js';
import { observe } from './observe.js';

const CALLS_AT_ONCE = 8;
const MAX_KNOWN = 100_000;

/** This gateway's containers. Which one is whose is remembered: neither its id nor its labels can change. */
export interface Containers {
  /** As the engine has them now, of one sandbox. */
  all(sandboxId: string, options: CallOptions): Promise<ContainerSummary[]>;
  /** Undefined when it is gone. */
  inspect(containerId: string, options: CallOptions): Promise<ContainerInfo | undefined>;
  inspectAll(options: CallOptions): Promise<ContainerInfo[]>;
  /** The sandbox's container as it is now; if a remembered one is gone, the engine is asked once more. */
  lookUp(ref: SandboxRef, options: CallOptions): Promise<ContainerInfo | undefined>;
  /** The sandboxes, by one list; inspects only containers whose listed state is new. */
  list(options: CallOptions): Promise<ObservedSandbox[]>;
  /** Runs `work` with the sandbox's container; if a remembered one is gone, once more. NOT_FOUND when there is none. */
  within<T>(ref: SandboxRef, options: CallOptions, work: (containerId: string) => Promise<T>): Promise<T>;
  known(sandboxId: string): string | undefined;
  remember(sandboxId: string, containerId: string): void;
  forget(sandboxId: string): void;
}

export function createContainers<Plan extends ContainerPlan, Image extends ImageInfo>(
  engine: ContainerEngine<Plan, Image>,
): Containers {
  const known = new Map<string, string>();
  const listed = createListed<ContainerSummary, ContainerInfo>({
    limit: CALLS_AT_ONCE,
    listedState: ({ state }) => state,
    seenState: engine.stateOf,
    observe,
  });

  function remember(sandboxId: string, containerId: string): void {
    if (known.size >= MAX_KNOWN) {
      known.clear();
    }
    known.set(sandboxId, containerId);
  }

  async function inspect(containerId: string, options: CallOptions): Promise<ContainerInfo | undefined> {
    const info = await engine.inspect(containerId, options);
    if (info !== undefined) {
      listed.see(info);
    }
    return info;
  }

  async function find(sandboxId: string, options: CallOptions): Promise<string | undefined> {
    const [found] = await engine.list(sandboxId, options);
    if (found !== undefined) {
      remember(sandboxId, found.Id);
    }
    return found?.Id;
  }

  return {
    all: (sandboxId, options) => engine.list(sandboxId, options),
    inspect,
    async inspectAll(options) {
      const summaries = await engine.list(undefined, options);
      const found = await mapLimited(summaries, CALLS_AT_ONCE, ({ Id }) => inspect(Id, options));
      return found.filter((info) => info !== undefined);
    },
    list: async (options) =>
      listed.all(await engine.list(undefined, options), (id) => engine.inspect(id, options)),
    async lookUp(ref, options) {
      const remembered = known.get(ref.id);
      const info = remembered === undefined ? undefined : await inspect(remembered, options);
      if (info !== undefined) {
        return info;
      }
      const found = await find(ref.id, options);
      return found === undefined ? undefined : inspect(found, options);
    },
    async within(ref, options, work) {
      for (const remembered of [known.get(ref.id), undefined]) {
        const id = remembered ?? (await find(ref.id, options));
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
          if (remembered === undefined) {
            break;
          }
        }
      }
      throw notFound(`${engine.title} has no sandbox '${ref.name}'`);
    },
    known: (sandboxId) => known.get(sandboxId),
    remember,
    forget: (sandboxId) => void known.delete(sandboxId),
  };
}
