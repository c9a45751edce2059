import type { CallOptions } from '../../compute/driver.js';
import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import { RESERVED_LABEL_PREFIX } from '../../compute/labels.js';
import type { Logger } from '../../compute/log.js';
import type { DriverSandbox, SandboxRef } from '../../compute/sandbox.js';
import { deadline } from '../../kit/deadline.js';
import type { Containers } from './containers.js';
import type { ContainerEngine, ContainerPlan, ImageInfo } from './engine.js';
import { ensureImage } from './image.js';
import { mapLimited } from './map-limited.js';
import { progress, type Report } from './progress.js';

/** A failure is undone even when the caller has gone. */
const UNDO_TIMEOUT_MS = 60_000;

interface CreateOptions<Plan extends ContainerPlan, Image extends ImageInfo> {
  readonly engine: ContainerEngine<Plan, Image>;
  readonly containers: Containers;
  /** A word of the setting `image_pull_policy`. */
  readonly pullPolicy: string;
  readonly report: Report;
  readonly log: Logger;
}

/** Makes and starts a sandbox's container; returns its id. A failure leaves nothing behind. */
export async function createSandbox<Plan extends ContainerPlan, Image extends ImageInfo>(
  sandbox: DriverSandbox,
  options: CreateOptions<Plan, Image>,
  { signal }: CallOptions,
): Promise<string> {
  const { engine, containers, pullPolicy, report, log } = options;
  const plan = engine.plan(sandbox);
  report(progress('Scheduled', 'creating', 'requesting_sandbox', { done: 'Sandbox requested' }));
  // Beside the other questions: it changes nothing that a sandbox with this id has already.
  const prepared = engine.prepare(plan, { signal });
  const preparedOrNot = prepared.catch(() => {});
  const images = { api: engine.images, title: engine.title, policy: pullPolicy, report };
  /** Nobody else has this id: everything under it is this call's to undo. */
  let isFree = false;
  let containerId: string | undefined;
  try {
    const [existing, image] = await Promise.all([
      containers.all(sandbox.id, { signal }),
      ensureImage(plan.image, images, { signal }),
      mapLimited(plan.otherImages, 1, (reference) => ensureImage(reference, images, { signal })),
      engine.check(plan, { signal }),
    ]);
    if (existing.length > 0) {
      throw alreadyExists(engine.title, sandbox);
    }
    isFree = true;
    refuseReservedLabels(plan.image, image);
    await prepared;
    signal.throwIfAborted();
    containerId = await engine.createContainer(plan, { signal });
    signal.throwIfAborted();
    report(progress('Created', 'container created', 'starting_sandbox'));
    await engine.prepareWorkspace(containerId, image, plan, { signal });
    signal.throwIfAborted();
    await engine.start(containerId, sandbox, { signal });
    signal.throwIfAborted();
  } catch (error) {
    await preparedOrNot;
    if (containerId === undefined && (await isBeingMade(error))) {
      throw alreadyExists(engine.title, sandbox);
    }
    const undo = { signal: deadline(UNDO_TIMEOUT_MS) };
    await (isFree ? engine.remove(sandbox, containerId, undo) : engine.undoPrepare(plan, undo)).catch(
      (cause) => {
        log.warn('a failed create left something behind', {
          sandbox_id: sandbox.id,
          error: OpenShellError.from(cause).message,
        });
      },
    );
    throw OpenShellError.from(signal.aborted ? signal.reason : error);
  }
  report(progress('Started', 'main process started', 'starting_sandbox', { done: 'Sandbox started' }));
  return containerId;

  /** By a call of a gateway that was killed, which the engine carries out to its end. */
  async function isBeingMade(error: unknown): Promise<boolean> {
    return (
      !signal.aborted &&
      (OpenShellError.from(error).code === Code.ALREADY_EXISTS ||
        (await containers.all(sandbox.id, { signal }).catch(() => [])).length > 0)
    );
  }
}

/** Containers inherit their image's labels, and ours identify the owner of a container. */
function refuseReservedLabels(reference: string, { Labels }: ImageInfo): void {
  const key = Object.keys(Labels ?? {}).find((one) => one.startsWith(RESERVED_LABEL_PREFIX));
  if (key === undefined) {
    return;
  }
  throw failedPrecondition(`the image '${reference}' has the label '${key}', which is the gateway's own`, {
    reason: 'ImageLabelsReserved',
    field: 'spec.template.image',
    hint: `build the image without labels that begin with ${RESERVED_LABEL_PREFIX}`,
  });
}

export function alreadyExists(title: string, { id, name }: SandboxRef): OpenShellError {
  return new OpenShellError(
    Code.ALREADY_EXISTS,
    `${title} has a sandbox with the id ${id} already ('${name}')`,
  );
}
