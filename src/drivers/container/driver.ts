import { type ComputeDriver, type DriverCapabilities, EXEC_LEFT_BEHIND } from '../../compute/driver.js';
import type { Logger } from '../../compute/log.js';
import { createAccess } from './access.js';
import { createContainers } from './containers.js';
import { alreadyExists, createSandbox } from './create.js';
import type { ContainerEngine, ContainerPlan, ImageInfo } from './engine.js';
import type { EventQueue } from './event-queue.js';
import { observe } from './observe.js';
import type { Report } from './progress.js';
import { watchSandboxes } from './watch.js';

/**
 * The compute driver of a container engine. What engines share is in this room: a sandbox is one container, found by its
 * labels (containers), made with progress and undone when that fails (create, image), observed by events and one list
 * (watch, emitted, listed, observe), and entered by the engine's exec (access, exec, exec-session, exec-end). An engine
 * brings its calls and its plan of a container (engine).
 */
export function createContainerDriver<Plan extends ContainerPlan, Image extends ImageInfo>(options: {
  readonly engine: ContainerEngine<Plan, Image>;
  readonly capabilities: Pick<DriverCapabilities, 'driverVersion' | 'defaultImage' | 'resources'>;
  /** A word of the setting `image_pull_policy`. */
  readonly pullPolicy: string;
  readonly log: Logger;
}): ComputeDriver {
  const { engine, capabilities, pullPolicy, log } = options;
  const queues = new Set<EventQueue>();
  const busy = new Set<string>();
  const containers = createContainers(engine);

  function push(item: Parameters<EventQueue['push']>[0]): void {
    for (const queue of queues) {
      queue.push(item);
    }
  }

  function look(containerId: string, sandboxId: string): void {
    push({ type: 'look', containerId, sandboxId });
  }

  function reporter(sandboxId: string): Report {
    return (event) =>
      push({
        type: 'platform',
        sandboxId,
        event: { timestampMs: Date.now(), source: engine.name, ...event },
      });
  }

  /** Keeps watches from emitting half-done work; they get the outcome at the end. */
  async function suppressEvents<T>(sandboxId: string, work: () => Promise<T>): Promise<T> {
    busy.add(sandboxId);
    try {
      return await work();
    } finally {
      busy.delete(sandboxId);
    }
  }

  return {
    name: engine.name,
    access: createAccess({
      engine,
      containers,
      leftBehind: ({ id }, message) =>
        reporter(id)({ type: 'Warning', reason: EXEC_LEFT_BEHIND, message, metadata: {} }),
      log,
    }),

    capabilities: async () => ({ driverName: engine.name, gatewayManagesLifecycle: true, ...capabilities }),

    async validateCreate(sandbox, options) {
      await engine.check(engine.plan(sandbox), options);
    },

    async create(sandbox, options) {
      if (busy.has(sandbox.id)) {
        throw alreadyExists(engine.title, sandbox);
      }
      const parts = { engine, containers, pullPolicy, report: reporter(sandbox.id), log };
      const id = await suppressEvents(sandbox.id, () => createSandbox(sandbox, parts, options));
      containers.remember(sandbox.id, id);
      look(id, sandbox.id);
    },

    async get(ref, options) {
      const container = await containers.lookUp(ref, options);
      return container === undefined ? undefined : observe(container);
    },

    list: (options) => containers.list(options),

    async stop(ref, options) {
      await containers.within(ref, options, async (id) => {
        await engine.stop(id, ref, options);
        look(id, ref.id);
      });
    },

    async start(ref, options) {
      await containers.within(ref, options, async (id) => {
        await engine.start(id, ref, options);
        look(id, ref.id);
      });
    },

    async delete(ref, options) {
      const known = containers.known(ref.id);
      const removed = await suppressEvents(ref.id, () => engine.remove(ref, known, options)).catch(
        async (error) => {
          // It may be half done: what is left is news.
          const [left] = await containers.all(ref.id, options).catch(() => []);
          if (left !== undefined) {
            look(left.Id, ref.id);
          }
          throw error;
        },
      );
      containers.forget(ref.id);
      if (removed) {
        push({ type: 'gone', sandboxId: ref.id });
      }
      return removed;
    },

    watch: ({ signal }) =>
      watchSandboxes({
        engine,
        containers,
        signal,
        busy: (id) => busy.has(id),
        join: (queue) => {
          queues.add(queue);
          return () => queues.delete(queue);
        },
      }),

    async close() {
      for (const queue of queues) {
        queue.end();
      }
      engine.close();
    },
  };
}
