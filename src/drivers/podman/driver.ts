import { type ComputeDriver, EXEC_LEFT_BEHIND, PROGRESS } from '../../compute/driver.js';
import type { DriverContext } from '../../compute/entry.js';
import { Code, failedPrecondition, notFound, OpenShellError } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import type { DriverSandbox, SandboxRef } from '../../compute/sandbox.js';
import { deadline, lingering } from '../../kit/deadline.js';
import { checkHostPaths } from '../container/allowed.js';
import type { EventQueue } from '../container/event-queue.js';
import type { HostAccess } from '../container/host-access.js';
import { refuseReservedImageLabels } from '../container/image-labels.js';
import { createListed } from '../container/listed.js';
import { mapLimited } from '../container/map-limited.js';
import { createAccess } from './access.js';
import type { PodmanClient } from './api/client.js';
import { type Dependencies, type Plan, planSandbox } from './container-spec.js';
import { createContainers } from './containers.js';
import { ensureImage, type PullPolicy, type Report } from './image.js';
import { createIsolationRule } from './isolation.js';
import { containerName, SHUT_BRIDGES } from './names.js';
import { ownBridges } from './network.js';
import {
  makeNetwork,
  makeOwnedResources,
  removeHeld,
  removeNetwork,
  removeSecrets,
} from './owned-resources.js';
import { listedState, observe, seenState } from './state.js';
import { watchSandboxes } from './watch.js';
import { createWorkspaces } from './workspace.js';

/** What is undone after a failure is undone even when the caller has gone. */
const UNDO_TIMEOUT_MS = 60_000;
/** Podman makes a container to its end, whoever hangs up: so long its answer is waited for, for the undo to find it. */
const SETTLE_MS = 10_000;
const LOOKS_AT_ONCE = 8;

export function createPodmanDriver(options: {
  readonly client: PodmanClient;
  readonly dependencies: Dependencies;
  readonly hostAccess: HostAccess;
  readonly context: DriverContext;
}): ComputeDriver {
  const { client, dependencies, hostAccess, context } = options;
  const { settings, owner, host } = dependencies;
  const feeds = new Set<EventQueue>();
  const busy = new Set<string>();
  const containers = createContainers(client, owner.gatewayId);
  const workspaces = createWorkspaces(client, settings.workspace_path);
  const isolation = createIsolationRule({ env: context.env, log: context.log });
  const listed = createListed({ limit: LOOKS_AT_ONCE, listedState, seenState, observe });
  const hasOwnBridges = ownBridges(host, settings);
  const isShut = hasOwnBridges && !settings.host_access;

  function reporter(sandboxId: string): Report {
    return (event) => {
      const item = {
        type: 'platform' as const,
        sandboxId,
        event: { timestampMs: Date.now(), source: 'podman', ...event },
      };
      for (const feed of feeds) {
        feed.push(item);
      }
    };
  }

  const access = createAccess({
    client,
    containers,
    settings,
    leftBehind: ({ id }, message) =>
      reporter(id)({ type: 'Warning', reason: EXEC_LEFT_BEHIND, message, metadata: {} }),
    log: context.log,
  });
  function look(containerId: string, sandboxId: string) {
    for (const feed of feeds) {
      feed.push({ type: 'look', containerId, sandboxId });
    }
  }

  /**
   * A service that is killed while it makes a container leaves storage that it shows to nobody: only the name leads to
   * it. A container that it does show under this name is not ours.
   */
  async function hidden(name: string, signal: AbortSignal): Promise<string[]> {
    return (await client.inspectContainer(name, { signal })) === undefined ? [name] : [];
  }

  /** With its network's rules, which only a start brings about. */
  async function startContainer(id: string, signal: AbortSignal): Promise<void> {
    if (isShut) {
      await hostAccess.keep(SHUT_BRIDGES);
    }
    await client.startContainer(id, { signal });
    if (isShut) {
      hostAccess.confirm(SHUT_BRIDGES);
    }
    if (hasOwnBridges && settings.isolation_rule) {
      await isolation.keep();
    }
  }

  /** Everything of one sandbox; false when there was nothing. */
  async function remove(ref: SandboxRef, signal: AbortSignal): Promise<boolean> {
    const { id } = ref;
    const [ids, secrets] = await Promise.all([
      containers.all(id, { signal }),
      removeSecrets(client, owner, id, { signal }),
    ]);
    const targets = ids.length > 0 ? ids : await hidden(containerName(ref), signal);
    const removed = await mapLimited(targets, LOOKS_AT_ONCE, (container) =>
      client.removeContainer(container, { signal }),
    );
    const held = await removeHeld(client, owner, id, { signal });
    containers.forget(id);
    return secrets || held || removed.some(Boolean);
  }

  /** By a call of a gateway that was killed, which the engine carries out to its end: what is its own is in use. */
  async function isBeingMade(id: string, error: unknown, signal: AbortSignal): Promise<boolean> {
    return (
      !signal.aborted &&
      (OpenShellError.from(error).code === Code.ALREADY_EXISTS ||
        (await containers.all(id, { signal }).catch(() => [])).length > 0)
    );
  }

  /** Volumes must exist, and what of the host is mounted must be allowed. */
  function checkSources({ config }: Plan, signal: AbortSignal): Promise<void> {
    return checkHostPaths(settings, 'podman', config.mounts, async (volume, i) => {
      const found = await client.volumeOptions(volume, { signal });
      if (found !== undefined) {
        return found;
      }
      throw failedPrecondition(`Podman has no volume '${volume}' to mount at ${config.mounts[i]?.target}`, {
        field: 'driver_config.podman.mounts',
        hint: `make it with: podman volume create ${volume}`,
      });
    });
  }

  async function make(sandbox: DriverSandbox, signal: AbortSignal): Promise<string> {
    const plan = planSandbox(sandbox, dependencies);
    const report = reporter(sandbox.id);
    report(step('Scheduled', 'the sandbox is being made', 'requesting_sandbox', 'Sandbox requested'));
    // Made while the engine is asked: one that a sandbox has already stays as it is.
    const network = makeNetwork(client, plan, { signal });
    const networkSettled = network.catch(() => {});
    /** Once nobody has this id, all that stands under it is this call's to undo. */
    let free = false;
    let id: string | undefined;
    try {
      const [existing, [image]] = await Promise.all([
        containers.all(sandbox.id, { signal }),
        mapLimited(plan.images, 1, (reference) =>
          ensureImage(client, reference, settings.image_pull_policy as PullPolicy, report, { signal }),
        ),
        checkSources(plan, signal),
      ]);
      if (existing.length > 0) {
        throw alreadyExists(sandbox);
      }
      free = true;
      refuseReservedImageLabels(plan.container.image, image?.Labels);
      await network;
      signal.throwIfAborted();
      id = await lingering(signal, SETTLE_MS, async (until) => {
        await makeOwnedResources(client, plan, { signal: until });
        return client.createContainer(plan.container, { signal: until });
      });
      signal.throwIfAborted();
      report(step('Created', 'the container has been made', 'starting_sandbox'));
      await workspaces.prepare(
        {
          id,
          imageId: image?.Id ?? '',
          idle: sandbox.spec.command.length === 0,
          mapped: plan.container.userns !== undefined,
        },
        { signal },
      );
      await startContainer(id, signal);
      report(step('Started', 'the main process has been started', 'starting_sandbox', 'Sandbox started'));
      return id;
    } catch (error) {
      await networkSettled;
      if (id === undefined && (await isBeingMade(sandbox.id, error, signal))) {
        throw alreadyExists(sandbox);
      }
      const undone = deadline(UNDO_TIMEOUT_MS);
      await (free ? remove(sandbox, undone) : removeNetwork(client, plan, { signal: undone })).catch(
        (undo) => {
          context.log.warn('what a failed create made is still there', {
            sandbox_id: sandbox.id,
            error: OpenShellError.from(undo).message,
          });
        },
      );
      throw signal.aborted ? OpenShellError.from(signal.reason) : error;
    }
  }

  /** Runs alone for its sandbox as far as the watch is concerned, which hears of the outcome at the end. */
  async function suppressEvents<T>(sandboxId: string, work: () => Promise<T>): Promise<T> {
    busy.add(sandboxId);
    try {
      return await work();
    } finally {
      busy.delete(sandboxId);
    }
  }

  /** With the sandbox's container; one that was known and is gone is looked for once more. */
  async function within<T>(ref: SandboxRef, signal: AbortSignal, work: (id: string) => Promise<T>) {
    for (const known of [containers.known(ref.id), undefined]) {
      const id = known ?? (await containers.find(ref.id, { signal }));
      if (id === undefined) {
        break;
      }
      try {
        return await work(id);
      } catch (error) {
        if (OpenShellError.from(error).code !== Code.NOT_FOUND) {
          throw error;
        }
        containers.forget(ref.id);
      }
    }
    throw notFound(`Podman has no sandbox '${ref.name}'`);
  }

  return {
    name: 'podman',
    access,

    async capabilities() {
      function enforced(limit: boolean) {
        return limit || settings.limits === 'best-effort';
      }

      return {
        driverName: 'podman',
        driverVersion: host.version,
        defaultImage: settings.default_image,
        gatewayManagesLifecycle: true,
        resources: {
          cpuLimit: enforced(host.limits.cpu),
          memoryLimit: enforced(host.limits.memory),
          gpuDefault: true,
          gpuCount: true,
        },
      };
    },

    async validateCreate(sandbox, { signal }) {
      await checkSources(planSandbox(sandbox, dependencies), signal);
    },

    async create(sandbox, { signal }) {
      if (busy.has(sandbox.id)) {
        throw alreadyExists(sandbox);
      }
      const id = await suppressEvents(sandbox.id, () => make(sandbox, signal));
      containers.remember(sandbox.id, id);
      look(id, sandbox.id);
    },

    async get(ref, { signal }) {
      const [id] = await containers.all(ref.id, { signal });
      const container = id === undefined ? undefined : await client.inspectContainer(id, { signal });
      return container === undefined ? undefined : listed.see(container);
    },

    async list({ signal }) {
      const summaries = await client.listContainers(
        { label: [`${LABEL.gatewayId}=${owner.gatewayId}`] },
        { signal },
      );
      return listed.all(summaries, (id) => client.inspectContainer(id, { signal }));
    },

    async stop(ref, { signal }) {
      await within(ref, signal, async (id) => {
        await client.stopContainer(id, settings.stop_timeout_secs, { signal });
        look(id, ref.id);
      });
    },

    async start(ref, { signal }) {
      await within(ref, signal, async (id) => {
        await startContainer(id, signal);
        look(id, ref.id);
      });
    },

    async delete(ref, { signal }) {
      const removed = await suppressEvents(ref.id, () => remove(ref, signal));
      if (removed) {
        for (const feed of feeds) {
          feed.push({ type: 'gone', sandboxId: ref.id });
        }
      }
      return removed;
    },

    watch: ({ signal }) =>
      watchSandboxes({
        client,
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
      client.close();
    },
  };
}

function alreadyExists({ id, name }: SandboxRef) {
  return new OpenShellError(
    Code.ALREADY_EXISTS,
    `Podman has a sandbox with the id ${id} already ('${name}')`,
  );
}

/** An event of the progress that clients show; with a label the step is done. */
function step(reason: string, message: string, name: string, label?: string): Parameters<Report>[0] {
  return {
    type: 'Normal',
    reason,
    message,
    metadata:
      label === undefined
        ? { [PROGRESS.activeStep]: name }
        : { [PROGRESS.completeStep]: name, [PROGRESS.completeLabel]: label },
  };
}
