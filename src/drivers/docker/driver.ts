import { type ComputeDriver, EXEC_LEFT_BEHIND } from '../../compute/driver.js';
import type { Logger } from '../../compute/log.js';
import type { EventQueue } from '../container/event-queue.js';
import type { HostAccess } from '../container/host-access.js';
import { createAccess } from './access.js';
import { type Dependencies, planSandbox } from './container-spec.js';
import { createContainers } from './containers.js';
import { alreadyExists, createSandbox } from './create.js';
import type { Engine } from './engine.js';
import { orAlready } from './engine-errors.js';
import { createNetwork } from './network.js';
import { checkEngineCan } from './preconditions.js';
import type { Report } from './report.js';
import { startContainer } from './start.js';
import { observedSandbox } from './status.js';
import { watchSandboxes } from './watch.js';
import { createWorkspaces } from './workspace.js';

/** From the engine's grace to its answer. */
const STOP_MARGIN_MS = 30_000;

interface DockerDriverOptions {
  readonly engine: Engine;
  readonly engineVersion: string;
  readonly dependencies: Dependencies;
  readonly hostAccess: HostAccess;
  readonly log: Logger;
}

export function createDockerDriver(options: DockerDriverOptions): ComputeDriver {
  const { engine, engineVersion, dependencies, log } = options;
  const { settings, owner } = dependencies;
  const feeds = new Set<EventQueue>();
  const busy = new Set<string>();
  const containers = createContainers(engine, owner.gatewayId);
  const network = createNetwork({
    engine,
    name: settings.network_name,
    hostAccess: options.hostAccess,
    hostAllowed: settings.host_access,
    log,
  });
  const workspaces = createWorkspaces(engine, settings.workspace_path);

  function tell(item: Parameters<EventQueue['push']>[0]) {
    for (const feed of feeds) {
      feed.push(item);
    }
  }

  function look(containerId: string, sandboxId: string) {
    return tell({ type: 'look', containerId, sandboxId });
  }

  function reporter(sandboxId: string): Report {
    return (event) =>
      tell({
        type: 'platform',
        sandboxId,
        event: { timestampMs: Date.now(), source: 'docker', ...event },
      });
  }

  /** Keeps watches from telling half of what is being done; they hear of the outcome at the end. */
  async function suppressEvents<T>(sandboxId: string, work: () => Promise<T>): Promise<T> {
    busy.add(sandboxId);
    try {
      return await work();
    } finally {
      busy.delete(sandboxId);
    }
  }

  return {
    name: 'docker',
    access: createAccess({
      engine,
      containers,
      leftBehind: ({ id }, message) =>
        reporter(id)({ type: 'Warning', reason: EXEC_LEFT_BEHIND, message, metadata: {} }),
      log,
    }),

    async capabilities() {
      return {
        driverName: 'docker',
        driverVersion: engineVersion,
        defaultImage: settings.default_image,
        gatewayManagesLifecycle: true,
        resources: { cpuLimit: true, memoryLimit: true, gpuDefault: true, gpuCount: true },
      };
    },

    async validateCreate(sandbox, call) {
      await checkEngineCan(engine, planSandbox(sandbox, dependencies), settings, call);
    },

    async create(sandbox, call) {
      if (busy.has(sandbox.id)) {
        throw alreadyExists(sandbox);
      }
      const parts = { engine, containers, network, workspaces, dependencies, log };
      const containerId = await suppressEvents(sandbox.id, () =>
        createSandbox(parts, sandbox, reporter(sandbox.id), call),
      );
      look(containerId, sandbox.id);
    },

    async get(ref, call) {
      const info = await containers.lookUp(ref, call);
      return info === undefined ? undefined : observedSandbox(info);
    },

    list: (call) => containers.list(call),

    async stop(ref, call) {
      await containers.within(ref, call, async (id) => {
        const graceSecs = settings.stop_timeout_secs;
        await engine.call(
          `stop of sandbox '${ref.name}'`,
          (abortSignal) => orAlready(304, engine.docker.getContainer(id).stop({ t: graceSecs, abortSignal })),
          { signal: call.signal, timeoutMs: graceSecs * 1_000 + STOP_MARGIN_MS },
        );
        look(id, ref.id);
      });
    },

    async start(ref, call) {
      await containers.within(ref, call, async (id) => {
        await startContainer(engine, network, id, ref);
        look(id, ref.id);
      });
    },

    async delete(ref, call) {
      const removed = await suppressEvents(ref.id, () => containers.remove(ref.id, call)).catch(
        async (error) => {
          // It may be half done: what is left is news.
          const id = await containers.find(ref, call).catch(() => undefined);
          if (id !== undefined) {
            look(id, ref.id);
          }
          throw error;
        },
      );
      if (removed) {
        tell({ type: 'gone', sandboxId: ref.id });
      }
      return removed;
    },

    watch: ({ signal }) =>
      watchSandboxes({
        engine,
        containers,
        gatewayId: owner.gatewayId,
        signal,
        busy: (id) => busy.has(id),
        join: (feed) => {
          feeds.add(feed);
          return () => feeds.delete(feed);
        },
      }),

    async close() {
      for (const feed of feeds) {
        feed.end();
      }
      engine.close();
    },
  };
}
