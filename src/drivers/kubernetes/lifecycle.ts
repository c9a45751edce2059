import { Code, failedPrecondition, notFound } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { DriverSandbox, SandboxRef } from '../../compute/sandbox.js';
import { deadline } from '../../kit/deadline.js';
import { tolerate } from './api-errors.js';
import { createClaimBinding } from './claim-binding.js';
import { ANNOTATION, STATE } from './names.js';
import type { Namespaces } from './namespaces.js';
import type { ClaimSpec, Owner, Pod } from './objects.js';
import type { Plan } from './pod.js';
import type { PodSeal } from './pod-seal.js';
import type { Objects } from './pod-status.js';
import type { Resources } from './resources.js';

/** Creates, stops, starts and removes sandboxes. */
export interface Lifecycle {
  create(sandbox: DriverSandbox, signal: AbortSignal): Promise<void>;
  stop(ref: SandboxRef, signal: AbortSignal): Promise<void>;
  start(ref: SandboxRef, signal: AbortSignal): Promise<void>;
  delete(ref: SandboxRef, signal: AbortSignal): Promise<boolean>;
}

export interface LifecycleOptions {
  readonly resources: Resources;
  readonly namespaces: Namespaces;
  readonly plan: (sandbox: DriverSandbox) => Plan;
  readonly seal: PodSeal;
  readonly stopTimeoutMs: number;
  readonly log: Logger;
}

/** A sandbox that is deleted together with its files has nothing to save. */
const DELETE_GRACE_SECONDS = 2;
/** For the kubelet and the volume controller, on top of the process's own time. */
const REMOVE_TIMEOUT_MS = 60_000;
const UNDO_TIMEOUT_MS = 10_000;

/** Sandboxes that are a Pod and, with a workspace volume, the claim that owns it. */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { resources, namespaces, seal, stopTimeoutMs, log } = options;

  const binding = createClaimBinding(resources.waitBound);

  async function findOrThrow(ref: SandboxRef, signal: AbortSignal): Promise<Objects> {
    const objects = await resources.find(ref, signal);
    if (objects.pod === undefined && objects.owner === undefined) {
      throw notFound(`sandbox '${ref.name || ref.id}' has no Pod and no volume in the cluster`);
    }
    return objects;
  }

  async function undo(owner: Owner): Promise<void> {
    try {
      await resources.removeOwner(owner, deadline(UNDO_TIMEOUT_MS));
    } catch (error) {
      log.warn(`claim '${owner.metadata.name}' of a failed create was not removed`, { error });
    }
  }

  /** The state only tells an interrupted create from a Pod that was deleted, so a failure here does not matter. */
  function markStarted(owner: Owner, signal: AbortSignal, more = {}): Promise<void> {
    return resources.setState(owner, STATE.started, signal, more).catch((error) => {
      log.warn(`claim '${owner.metadata.name}' could not be marked as started`, { error });
    });
  }

  async function suspend(owner: Owner, pod: Pod | undefined, signal: AbortSignal): Promise<void> {
    await resources.setState(owner, STATE.stopped, signal);
    if (pod !== undefined) {
      await resources.removePod(pod, undefined, deadline(stopTimeoutMs + REMOVE_TIMEOUT_MS, signal));
    }
  }

  return {
    async create(sandbox, signal) {
      const plan = options.plan(sandbox);
      const { workspace } = plan;
      if (workspace === undefined) {
        await namespaces.within(sandbox.workspace, signal, () => resources.createPod(plan.pod, signal));
        return;
      }
      const owner = await namespaces.within(sandbox.workspace, signal, () =>
        resources.createOwner(claimOf(plan, workspace, seal.seal(plan.pod, sandbox.id)), signal),
      );
      try {
        await binding.settle(owner, workspace.storageClass, signal);
        await resources.createPod(ownedBy(owner, plan.pod), signal);
      } catch (error) {
        await undo(owner);
        throw error;
      }
      await markStarted(owner, signal);
    },

    async stop(ref, signal) {
      const objects = await findOrThrow(ref, signal);
      await suspend(requireOwner(objects, ref), objects.pod, signal);
    },

    async start(ref, signal) {
      const objects = await findOrThrow(ref, signal);
      if (objects.pod !== undefined && isAlive(objects.pod)) {
        return;
      }
      const owner = requireOwner(objects, ref);
      const pod = seal.open(owner, ref.id);
      if (objects.pod !== undefined) {
        await suspend(owner, objects.pod, signal);
      }
      await tolerate(resources.createPod(ownedBy(owner, pod), signal), Code.ALREADY_EXISTS);
      const isSigned = owner.metadata.annotations?.[ANNOTATION.podSignature] !== undefined;
      await markStarted(owner, signal, isSigned ? {} : seal.seal(pod, ref.id));
    },

    async delete(ref, signal) {
      const { pod, owner } = await resources.find(ref, signal);
      if (pod === undefined && owner === undefined) {
        return false;
      }
      const until = deadline(REMOVE_TIMEOUT_MS, signal);
      await Promise.all([
        pod && resources.removePod(pod, DELETE_GRACE_SECONDS, until),
        owner && resources.removeOwner(owner, until),
      ]);
      return true;
    },
  };
}

/** FAILED_PRECONDITION when nothing outlives the Pod. */
export function requireOwner({ owner }: Objects, ref: SandboxRef): Owner {
  if (owner === undefined) {
    throw failedPrecondition(`sandbox '${ref.name}' has no workspace volume that outlives its Pod`, {
      reason: 'NoWorkspaceVolume',
      hint: 'set workspace_default_storage_size above 0 in [openshell.drivers.kubernetes]',
    });
  }
  if (owner.metadata.deletionTimestamp !== undefined) {
    throw failedPrecondition(`sandbox '${ref.name}' is being deleted`, { reason: 'Deleting' });
  }
  return owner;
}

function isAlive(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    pod.status?.phase !== 'Succeeded' &&
    pod.status?.phase !== 'Failed' &&
    pod.status?.containerStatuses?.every((one) => one.state?.terminated === undefined) !== false
  );
}

function claimOf(
  plan: Plan,
  workspace: NonNullable<Plan['workspace']>,
  sealed: Readonly<Record<string, string>>,
): Owner {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...plan.place,
      labels: plan.labels,
      annotations: { ...sealed, [ANNOTATION.state]: STATE.creating },
    },
    spec: claimSpec(workspace),
  };
}

export function claimSpec({ size, storageClass }: NonNullable<Plan['workspace']>): ClaimSpec {
  return {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: size } },
    ...(storageClass && { storageClassName: storageClass }),
  };
}

/** Deleting the claim deletes the Pod, so half a sandbox cannot remain. */
function ownedBy({ metadata }: Owner, pod: Pod): Pod {
  const { name, uid = '' } = metadata;
  const ownerReferences = [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, uid }];
  return { ...pod, metadata: { ...pod.metadata, ownerReferences } };
}
