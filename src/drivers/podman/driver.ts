import type { CallOptions, ComputeDriver } from '../../compute/driver.js';
import type { DriverContext } from '../../compute/entry.js';
import { failedPrecondition } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import type { SandboxRef } from '../../compute/sandbox.js';
import { deadline, lingering } from '../../kit/deadline.js';
import { checkHostPaths } from '../container/allowed.js';
import { createContainerDriver } from '../container/driver.js';
import type { ContainerEngine, EngineEvent, ImageInfo } from '../container/engine.js';
import type { HostAccess } from '../container/host-access.js';
import { mapLimited } from '../container/map-limited.js';
import { containerName } from '../container/names.js';
import type { PodmanClient } from './api/client.js';
import type { PodmanEvent } from './api/types.js';
import { type Dependencies, type Plan, planSandbox } from './container-spec.js';
import { createExecApi } from './exec.js';
import { createImageApi } from './image.js';
import { createIsolationRule } from './isolation.js';
import { containerLogs } from './logs.js';
import { SHUT_BRIDGES } from './names.js';
import { ownBridges } from './network.js';
import {
  makeNetwork,
  makeOwnedResources,
  removeHeld,
  removeNetwork,
  removeSecrets,
} from './owned-resources.js';
import { createWorkspaces, SHELL } from './workspace.js';

/** Podman finishes a create even when the client hangs up: how long to wait for its answer, so that the undo finds it. */
const SETTLE_MS = 10_000;
const LOOK_TIMEOUT_MS = 10_000;
const CALLS_AT_ONCE = 8;
/** What changes a sandbox's state. A container that is only created does not; an exec in it never does. */
const EVENTS = ['start', 'died', 'pause', 'unpause', 'remove'];

interface PodmanDriverOptions {
  readonly client: PodmanClient;
  readonly dependencies: Dependencies;
  readonly hostAccess: HostAccess;
  readonly context: Pick<DriverContext, 'env' | 'log'>;
}

export function createPodmanDriver(options: PodmanDriverOptions): ComputeDriver {
  const { settings, host } = options.dependencies;
  function enforced(limit: boolean) {
    return limit || settings.limits === 'best-effort';
  }

  return createContainerDriver({
    engine: createEngine(options),
    capabilities: {
      driverVersion: host.version,
      defaultImage: settings.default_image,
      resources: {
        cpuLimit: enforced(host.limits.cpu),
        memoryLimit: enforced(host.limits.memory),
        gpuDefault: true,
        gpuCount: true,
      },
    },
    pullPolicy: settings.image_pull_policy,
    log: options.context.log,
  });
}

function createEngine(options: PodmanDriverOptions): ContainerEngine<Plan, ImageInfo> {
  const { client, dependencies, hostAccess, context } = options;
  const { settings, owner, host } = dependencies;
  const workspaces = createWorkspaces(client, settings.workspace_path);
  const isolation = createIsolationRule({ env: context.env, log: context.log });
  const hasOwnBridges = ownBridges(host, settings);
  const isShut = hasOwnBridges && !settings.host_access;
  const ours = [`${LABEL.gatewayId}=${owner.gatewayId}`];

  /** Values of one filter are alternatives in some versions and conditions in others: the gateway is compared here. */
  async function list(sandboxId: string | undefined, { signal }: CallOptions) {
    const label = sandboxId === undefined ? ours : [`${LABEL.sandboxId}=${sandboxId}`];
    const summaries = await client.listContainers({ label }, { signal });
    return summaries
      .filter(({ Labels }) => Labels?.[LABEL.gatewayId] === owner.gatewayId)
      .map(({ Id, Labels, State, ExitCode, StartedAt }) => ({
        Id,
        sandboxId: Labels?.[LABEL.sandboxId] ?? '',
        state: `${State} ${ExitCode} ${StartedAt}`,
      }));
  }

  /**
   * A service that is killed while it creates a container leaves storage that no list shows: only the name leads to it.
   * A container that is listed under this name is not ours.
   */
  async function hidden(name: string, signal: AbortSignal): Promise<string[]> {
    return (await client.inspectContainer(name, { signal })) === undefined ? [name] : [];
  }

  async function remove(ref: SandboxRef, _known: string | undefined, { signal }: CallOptions) {
    const { id } = ref;
    const [found, secrets] = await Promise.all([
      list(id, { signal }),
      removeSecrets(client, owner, id, { signal }),
    ]);
    const targets = found.length > 0 ? found.map(({ Id }) => Id) : await hidden(containerName(ref), signal);
    const removed = await mapLimited(targets, CALLS_AT_ONCE, (container) =>
      client.removeContainer(container, { signal }),
    );
    const held = await removeHeld(client, owner, id, { signal });
    return secrets || held || removed.some(Boolean);
  }

  return {
    name: 'podman',
    title: 'Podman',
    plan: (sandbox) => planSandbox(sandbox, dependencies),
    /** Volumes must exist, and what of the host is mounted must be allowed. */
    check: ({ config }, { signal }) =>
      checkHostPaths(settings, 'podman', config.mounts, async (volume, i) => {
        const found = await client.volumeOptions(volume, { signal });
        if (found !== undefined) {
          return found;
        }
        throw failedPrecondition(`Podman has no volume '${volume}' to mount at ${config.mounts[i]?.target}`, {
          field: 'driver_config.podman.mounts',
          hint: `make it with: podman volume create ${volume}`,
        });
      }),
    prepare: (plan, options) => makeNetwork(client, plan, options),
    undoPrepare: (plan, options) => removeNetwork(client, plan, options),
    createContainer: (plan, { signal }) =>
      lingering(signal, SETTLE_MS, async (until) => {
        await makeOwnedResources(client, plan, { signal: until });
        return client.createContainer(plan.container, { signal: until });
      }),
    prepareWorkspace: (id, { Id: imageId }, plan, options) =>
      workspaces.prepare(
        { id, imageId, idle: plan.idle, mapped: plan.container.userns !== undefined },
        options,
      ),
    /** Sets the rules of the network as well, whose bridge exists only from the first start on. */
    async start(containerId, _ref, { signal }) {
      if (isShut) {
        await hostAccess.keep(SHUT_BRIDGES);
      }
      await client.startContainer(containerId, { signal });
      if (isShut) {
        hostAccess.confirm(SHUT_BRIDGES);
      }
      if (hasOwnBridges && settings.isolation_rule) {
        await isolation.keep();
      }
    },
    stop: (containerId, _ref, options) =>
      client.stopContainer(containerId, settings.stop_timeout_secs, options),
    remove,

    list,
    inspect: (containerId, options) => client.inspectContainer(containerId, options),
    // A list has only the second of the start: two runs in one second look alike.
    stateOf: ({ State }) =>
      `${State.Status} ${State.ExitCode} ${Math.floor(Date.parse(State.StartedAt) / 1_000)}`,
    events: async (options) =>
      readEvents(await client.events({ type: ['container'], event: EVENTS, label: ours }, options)),

    images: createImageApi(client),
    execs: createExecApi(client, settings.workspace_path),
    hasShell: async (containerId) =>
      (await client.pathMode(containerId, SHELL, { signal: deadline(LOOK_TIMEOUT_MS) })) !== undefined,
    logs: ({ Id, Config }, logOptions) => containerLogs(client, Id, Config.Tty, logOptions),
    close: () => client.close(),
  };
}

async function* readEvents(events: AsyncIterable<PodmanEvent>): AsyncGenerator<EngineEvent | undefined> {
  for await (const { Action, Actor } of events) {
    if (Actor === undefined) {
      yield undefined;
      return;
    }
    const sandboxId = Actor.Attributes?.[LABEL.sandboxId] ?? '';
    yield { type: Action === 'start' ? 'started' : 'look', containerId: Actor.ID, sandboxId };
  }
}
