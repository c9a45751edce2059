import type { Readable } from 'node:stream';
import type { ContainerInfo as ListedInfo } from 'dockerode';
import type { CallOptions, ComputeDriver } from '../../compute/driver.js';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import type { Logger } from '../../compute/log.js';
import type { SandboxRef } from '../../compute/sandbox.js';
import { createContainerDriver } from '../container/driver.js';
import type { ContainerEngine, ContainerInfo, EngineEvent } from '../container/engine.js';
import type { HostAccess } from '../container/host-access.js';
import { jsonLines } from '../container/json-lines.js';
import { mapLimited } from '../container/map-limited.js';
import { pathExists } from './api/archive.js';
import { type DockerClient, orMissing } from './api/client.js';
import { engineStatus, orAlready } from './api/fault.js';
import { type Dependencies, type Plan, planSandbox } from './container-spec.js';
import { createExecApi } from './exec.js';
import { createImageApi, type DockerImage } from './image.js';
import { containerLogs } from './logs.js';
import { HELPER_LABEL, workspaceVolumeName } from './names.js';
import { createNetwork, type SandboxNetwork } from './network.js';
import { checkEngineCan } from './preconditions.js';
import { removeContainer, removeVolume } from './removal.js';
import { createWorkspaces } from './workspace.js';

/** From the engine's grace to its answer. */
const STOP_MARGIN_MS = 30_000;
const CALLS_AT_ONCE = 8;
/** What can change a sandbox's state. Executions inside it do not. */
const EVENTS = ['start', 'die', 'pause', 'unpause', 'destroy'];
/**
 * The engine answers a moment before it begins to listen. Asking for the last seconds closes that gap: an event too many
 * causes one look too many and nothing else.
 */
const OVERLAP_SECS = 5;

export function createDockerDriver(options: {
  readonly client: DockerClient;
  readonly engineVersion: string;
  readonly dependencies: Dependencies;
  readonly hostAccess: HostAccess;
  readonly log: Logger;
}): ComputeDriver {
  const { client, dependencies, log } = options;
  const { settings } = dependencies;
  const network = createNetwork({
    client,
    name: settings.network_name,
    hostAccess: options.hostAccess,
    hostAllowed: settings.host_access,
    log,
  });
  return createContainerDriver({
    engine: createEngine(client, network, dependencies),
    capabilities: {
      driverVersion: options.engineVersion,
      defaultImage: settings.default_image,
      resources: { cpuLimit: true, memoryLimit: true, gpuDefault: true, gpuCount: true },
    },
    pullPolicy: settings.image_pull_policy,
    log,
  });
}

function createEngine(
  client: DockerClient,
  network: SandboxNetwork,
  dependencies: Dependencies,
): ContainerEngine<Plan, DockerImage> {
  const { settings, owner } = dependencies;
  const workspaces = createWorkspaces(client, settings.workspace_path);

  function filters(sandboxId: string | undefined) {
    return {
      label: [
        `${LABEL.gatewayId}=${owner.gatewayId}`,
        ...(sandboxId === undefined ? [] : [`${LABEL.sandboxId}=${sandboxId}`]),
      ],
    };
  }

  /** With the helpers that a create which was cut off has left. */
  function listAll(sandboxId: string | undefined, { signal }: CallOptions): Promise<ListedInfo[]> {
    return client.call(
      'list of the sandboxes',
      (abortSignal) => client.docker.listContainers({ all: true, filters: filters(sandboxId), abortSignal }),
      { signal },
    );
  }

  async function removeLabelled(sandboxId: string, options: CallOptions): Promise<boolean> {
    const containers = await listAll(sandboxId, options);
    const removed = await mapLimited(containers, CALLS_AT_ONCE, ({ Id }) => removeContainer(client, Id));
    const { Volumes } = await client.call(
      'list of the volumes',
      (abortSignal) => client.docker.listVolumes({ filters: filters(sandboxId), abortSignal }),
      options,
    );
    const volumes = await mapLimited(Volumes ?? [], CALLS_AT_ONCE, ({ Name }) => removeVolume(client, Name));
    return [...removed, ...volumes].some(Boolean);
  }

  return {
    name: 'docker',
    title: 'Docker',
    plan: (sandbox) => planSandbox(sandbox, dependencies),
    check: (plan, options) => checkEngineCan(client, plan, settings, options),
    prepare: () => network.ensure(),
    undoPrepare: async () => {},

    // Not cancelled: a container could be left without a record of its id.
    createContainer: (plan) =>
      client.call(
        `create of container '${plan.container.name}'`,
        async (abortSignal) => {
          try {
            return (await client.docker.createContainer({ ...plan.container, abortSignal })).id;
          } catch (error) {
            throw engineStatus(error) === 409
              ? new OpenShellError(Code.ALREADY_EXISTS, `the name '${plan.container.name}' is taken`)
              : error;
          }
        },
        { reason: 'ContainerCreateFailed' },
      ),
    prepareWorkspace: (containerId, { info }, plan) => workspaces.prepare(containerId, info, plan),
    start: (containerId, ref) => startContainer(client, network, containerId, ref),
    async stop(containerId, ref, { signal }) {
      const t = settings.stop_timeout_secs;
      await client.call(
        `stop of sandbox '${ref.name}'`,
        (abortSignal) => orAlready(304, client.docker.getContainer(containerId).stop({ t, abortSignal })),
        { signal, timeoutMs: t * 1_000 + STOP_MARGIN_MS },
      );
    },
    async remove({ id }, containerId, options) {
      if (containerId === undefined || !(await removeContainer(client, containerId))) {
        return removeLabelled(id, options);
      }
      await removeVolume(client, workspaceVolumeName({ id }));
      return true;
    },

    async list(sandboxId, options) {
      const found = await listAll(sandboxId, options);
      return found
        .filter(({ Labels }) => Labels[HELPER_LABEL] !== 'true')
        .map((info) => ({
          Id: info.Id,
          sandboxId: info.Labels[LABEL.sandboxId] ?? '',
          state: listedState(info),
        }));
    },
    inspect: (containerId, { signal }) =>
      client.call(
        'look at a container',
        async (abortSignal) => {
          const inspecting = client.docker.getContainer(containerId).inspect({ abortSignal });
          return (await orMissing(undefined, inspecting)) as ContainerInfo | undefined;
        },
        { signal },
      ),
    stateOf: ({ State }) => (State.Status === 'exited' ? `exited ${State.ExitCode}` : State.Status),
    async events({ signal }) {
      const opening = client.docker.getEvents({
        since: Math.floor(Date.now() / 1_000) - OVERLAP_SECS,
        filters: { type: ['container'], event: EVENTS, ...filters(undefined) },
        abortSignal: signal,
      });
      const stream = (await client.call('watch of the engine', () => opening, { signal })) as Readable;
      // A broken connection may be an error of the stream after its last line was read.
      stream.on('error', () => {});
      return readEvents(stream, signal);
    },

    images: createImageApi(client),
    execs: createExecApi(client),
    hasShell: (containerId) => pathExists(client, containerId, '/bin/sh'),
    logs: ({ Id, Config }, options) => containerLogs(client, Id, Config.Tty, options),
    close: () => client.close(),
  };
}

/** A list has no more than this; a run that began and ended unseen comes as an event. */
function listedState({ State, Status }: ListedInfo): string {
  const exitCode = /^Exited \((-?\d+)\)/.exec(Status)?.[1];
  return exitCode === undefined ? State : `${State} ${exitCode}`;
}

interface DockerEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> };
}

async function* readEvents(stream: Readable, signal: AbortSignal): AsyncGenerator<EngineEvent> {
  function onAbort() {
    stream.destroy();
  }

  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const { Action, Actor } of jsonLines<DockerEvent>(stream, 'Docker')) {
      const { ID: containerId, Attributes = {} } = Actor;
      if (Attributes[HELPER_LABEL] !== 'true') {
        const type = Action === 'start' ? 'started' : 'look';
        yield { type, containerId, sandboxId: Attributes[LABEL.sandboxId] ?? '' };
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream.destroy();
  }
}

/** No effect on a running container. A network that was removed meanwhile is created again, once. */
async function startContainer(
  client: DockerClient,
  network: SandboxNetwork,
  containerId: string,
  ref: SandboxRef,
): Promise<void> {
  await network.ensure();
  function start() {
    return client.call(
      `start of sandbox '${ref.name}'`,
      (abortSignal) => orAlready(304, client.docker.getContainer(containerId).start({ abortSignal })),
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
