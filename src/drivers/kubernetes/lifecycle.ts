import { Code, failedPrecondition, notFound } from '../../compute/errors.js';
import type { Logger } from '../../compute/log.js';
import type { DriverSandbox, SandboxRef } from '../../compute/sandbox.js';
import { deadline } from '../../kit/deadline.js';
import { hasCode } from './api-errors.js';
import { createClaimBinding } from './claim-binding.js';
import { ANNOTATION, STATE } from './names.js';
import type { Namespaces } from './namespaces.js';
import type { ClaimSpec, Owner, Pod } from './objects.js';
import type { Plan } from './pod.js';
import type { PodSeal } from './pod-seal.js';
import type { Objects } from './pod-status.js';
import type { Resources } from './resources.js';

/** Makes, stops, starts and removes a sandbox that is a Pod and, with a workspace volume, the claim that owns it. */
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

/** A sandbox that is removed with its files has nothing to save. */
const DELETE_GRACE_SECONDS = 2;
/** For the kubelet and the volume controller, beyond the process's own time. */
const REMOVE_TIMEOUT_MS = 60_000;
const UNDO_TIMEOUT_MS = 10_000;

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

  async function undo(plan: Plan, made: Partial<Record<'pod' | 'owner', Pod | Owner>>): Promise<void> {
    const signal = deadline(UNDO_TIMEOUT_MS);
    try {
      if (made.pod) {
        await resources.removePod(made.pod as Pod, 0, signal);
      }
      if (made.owner) {
        await resources.removeOwner(made.owner as Owner, signal);
      }
    } catch (error) {
      log.warn(`what a failed create made under '${plan.place.name}' was not removed`, { error });
    }
  }

  /** The state only tells a cut-off create from a Pod that someone removed, so a failure here is not the sandbox's. */
  function markStarted(owner: Owner, signal: AbortSignal, more = {}): Promise<void> {
    return resources.setState(owner, STATE.started, signal, more).catch((error) => {
      log.warn(`claim '${owner.metadata.name}' could not be marked as started`, { error });
    });
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
        await undo(plan, { owner });
        throw error;
      }
      await markStarted(owner, signal);
    },

    async stop(ref, signal) {
      const objects = await findOrThrow(ref, signal);
      const owner = requireOwner(objects, ref);
      await resources.setState(owner, STATE.stopped, signal);
      if (objects.pod !== undefined) {
        await resources.removePod(
          objects.pod,
          undefined,
          deadline(stopTimeoutMs + REMOVE_TIMEOUT_MS, signal),
        );
      }
    },

    async start(ref, signal) {
      const objects = await findOrThrow(ref, signal);
      if (objects.pod !== undefined && isAlive(objects.pod)) {
        return;
      }
      const owner = requireOwner(objects, ref);
      const pod = seal.open(owner, ref.id);
      if (objects.pod !== undefined) {
        await resources.setState(owner, STATE.stopped, signal);
        await resources.removePod(
          objects.pod,
          undefined,
          deadline(stopTimeoutMs + REMOVE_TIMEOUT_MS, signal),
        );
      }
      try {
        await resources.createPod(ownedBy(owner, pod), signal);
      } catch (error) {
        if (!hasCode(error, Code.ALREADY_EXISTS)) {
          throw error;
        }
      }
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

/** FAILED_PRECONDITION when nothing would outlive the Pod. */
export function requireOwner({ owner }: Objects, ref: SandboxRef): Owner {
  if (owner === undefined) {
    throw failedPrecondition(`sandbox '${ref.name}' has no workspace volume that would outlive its Pod`, {
      reason: 'NoWorkspaceVolume',
      hint: 'set workspace_default_storage_size above 0 in [openshell.drivers.kubernetes]',
    });
  }
  if (owner.metadata.deletionTimestamp !== undefined) {
    throw failedPrecondition(`sandbox '${ref.name}' is being removed`, { reason: 'Deleting' });
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
      name: plan.place.name,
      namespace: plan.place.namespace,
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

/** Whoever removes the claim removes the Pod with it, so half of a sandbox cannot stay. */
function ownedBy(owner: Owner, pod: Pod): Pod {
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          name: owner.metadata.name,
          uid: owner.metadata.uid ?? '',
        },
      ],
    },
  };
}
