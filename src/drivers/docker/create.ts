import type { CallOptions } from '../../compute/driver.js';
import { Code, OpenShellError } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { DriverSandbox, SandboxRef } from '../../compute/sandbox.js';
import { refuseReservedImageLabels } from '../container/image-labels.js';
import { type Dependencies, type Plan, planSandbox } from './container-spec.js';
import type { Containers } from './containers.js';
import type { Engine } from './engine.js';
import { engineStatus } from './engine-errors.js';
import { ensureImage } from './image.js';
import type { SandboxNetwork } from './network.js';
import { checkEngineCan } from './preconditions.js';
import { progress, type Report } from './report.js';
import { pullPolicy } from './settings.js';
import { startContainer } from './start.js';
import type { Workspaces } from './workspace.js';

/** What is undone after a failure is undone even when the caller has gone. */
const UNDO_TIMEOUT_MS = 60_000;

interface CreateParts {
  readonly engine: Engine;
  readonly containers: Containers;
  readonly network: SandboxNetwork;
  readonly workspaces: Workspaces;
  readonly dependencies: Dependencies;
  readonly log: Logger;
}

/** Makes and starts a sandbox's container, and gives its id. A failure leaves nothing behind. */
export async function createSandbox(
  parts: CreateParts,
  sandbox: DriverSandbox,
  report: Report,
  call: CallOptions,
): Promise<string> {
  const { engine, containers, network, workspaces, dependencies, log } = parts;
  const plan = planSandbox(sandbox, dependencies);
  report(
    progress('Scheduled', 'the sandbox is being made', 'requesting_sandbox', { done: 'Sandbox requested' }),
  );
  const [existing, image] = await Promise.all([
    containers.all(call, sandbox.id),
    ensureImage(engine, plan.image, pullPolicy(dependencies.settings), report, call),
    network.ensure(),
    checkEngineCan(engine, plan, dependencies.settings, call),
  ]);
  if (existing.length > 0) {
    throw alreadyExists(sandbox);
  }
  refuseReservedImageLabels(plan.image, image.Config.Labels);
  call.signal.throwIfAborted();
  // From here on no call is cut short: a container that nobody knows of would stay.
  const containerId = await createContainer(engine, plan, sandbox);
  try {
    report(progress('Created', 'the container has been made', 'starting_sandbox'));
    await workspaces.prepare(containerId, image, plan);
    call.signal.throwIfAborted();
    await startContainer(engine, network, containerId, sandbox);
    call.signal.throwIfAborted();
  } catch (error) {
    const undo = { signal: AbortSignal.timeout(UNDO_TIMEOUT_MS) };
    await containers.remove(sandbox.id, undo).catch((cause) => {
      log.warn('what a failed create made is still there', {
        sandbox_id: sandbox.id,
        error: OpenShellError.from(cause).message,
      });
    });
    throw OpenShellError.from(error);
  }
  containers.remember(sandbox.id, { containerId, volume: plan.workspaceVolume });
  report(
    progress('Started', 'the main process has been started', 'starting_sandbox', { done: 'Sandbox started' }),
  );
  return containerId;
}

export function alreadyExists({ id, name }: SandboxRef): OpenShellError {
  return new OpenShellError(
    Code.ALREADY_EXISTS,
    `Docker has a sandbox with the id ${id} already ('${name}')`,
  );
}

function createContainer(engine: Engine, plan: Plan, sandbox: DriverSandbox): Promise<string> {
  return engine.call(
    `create of sandbox '${sandbox.name}'`,
    async (abortSignal) => {
      try {
        return (await engine.docker.createContainer({ ...plan.container, abortSignal })).id;
      } catch (error) {
        if (engineStatus(error) === 409) {
          throw alreadyExists(sandbox);
        }
        throw error;
      }
    },
    { reason: 'ContainerCreateFailed' },
  );
}
