import { notFound } from '../../compute/errors.js';
import type { SandboxRef } from '../../compute/sandbox.js';
import { deadline } from '../../kit/deadline.js';
import { claimSpec, type Lifecycle, type LifecycleOptions, requireOwner } from './lifecycle.js';
import { ANNOTATION, STATE, WORKSPACE_VOLUME } from './names.js';
import type { Owner, Pod } from './objects.js';
import type { Plan } from './pod.js';
import type { Objects } from './pod-status.js';

/** For the controller's own work, on top of the process's time. */
const CONTROLLER_TIMEOUT_MS = 60_000;

/** Sandboxes that are `agents.x-k8s.io` Sandboxes: their controller creates and removes Pods and claims. */
export function createSandboxCrdLifecycle(options: LifecycleOptions): Lifecycle {
  const { resources, namespaces, stopTimeoutMs } = options;

  async function findOrThrow(ref: SandboxRef, signal: AbortSignal): Promise<Objects> {
    const objects = await resources.find(ref, signal);
    if (objects.owner === undefined) {
      throw notFound(`sandbox '${ref.name || ref.id}' has no Sandbox in the cluster`);
    }
    return objects;
  }

  async function suspend(owner: Owner, pod: Pod | undefined, signal: AbortSignal): Promise<void> {
    await resources.setState(owner, STATE.stopped, signal);
    if (pod !== undefined) {
      await resources.waitPodGone(pod, deadline(stopTimeoutMs + CONTROLLER_TIMEOUT_MS, signal));
    }
  }

  /** Without a claim of its own the Sandbox would restart with an empty workspace. */
  function requireVolume(objects: Objects, ref: SandboxRef): Owner {
    const spec = objects.owner?.spec as SandboxSpec | undefined;
    const hasClaim = (spec?.volumeClaimTemplates?.length ?? 0) > 0;
    return requireOwner(hasClaim ? objects : { ...objects, owner: undefined }, ref);
  }

  return {
    async create(sandbox, signal) {
      const plan = options.plan(sandbox);
      await namespaces.within(sandbox.workspace, signal, () =>
        resources.createOwner(sandboxResource(plan), signal),
      );
    },
    async stop(ref, signal) {
      const objects = await findOrThrow(ref, signal);
      await suspend(requireVolume(objects, ref), objects.pod, signal);
    },
    async start(ref, signal) {
      const objects = await findOrThrow(ref, signal);
      const { pod } = objects;
      const ended = pod?.status?.phase === 'Succeeded' || pod?.status?.phase === 'Failed';
      if (pod !== undefined && !ended && pod.metadata.deletionTimestamp === undefined) {
        return;
      }
      const owner = requireVolume(objects, ref);
      await suspend(owner, pod, signal);
      await resources.setState(owner, STATE.held, signal);
    },
    async delete(ref, signal) {
      const { pod, owner } = await resources.find(ref, signal);
      if (pod === undefined && owner === undefined) {
        return false;
      }
      const until = deadline(stopTimeoutMs + CONTROLLER_TIMEOUT_MS, signal);
      if (owner !== undefined) {
        await resources.removeOwner(owner, until);
      }
      if (pod !== undefined) {
        await resources.waitPodGone(pod, until);
      }
      return true;
    },
  };
}

interface SandboxSpec {
  readonly replicas: number;
  readonly podTemplate: { readonly metadata: object; readonly spec: object };
  readonly volumeClaimTemplates?: readonly object[];
}

/** The controller adds a volume for each claim template, under the template's name. */
function sandboxResource(plan: Plan): Owner {
  const { metadata, spec } = plan.pod;
  const volumes = (spec.volumes as { name: string }[]).filter(
    ({ name }) => plan.workspace === undefined || name !== WORKSPACE_VOLUME,
  );
  const sandboxSpec: SandboxSpec = {
    replicas: 1,
    podTemplate: {
      metadata: { labels: metadata.labels, annotations: metadata.annotations },
      spec: { ...spec, volumes },
    },
    ...(plan.workspace && {
      volumeClaimTemplates: [{ metadata: { name: WORKSPACE_VOLUME }, spec: claimSpec(plan.workspace) }],
    }),
  };
  return {
    apiVersion: 'agents.x-k8s.io/v1alpha1',
    kind: 'Sandbox',
    metadata: { ...plan.place, labels: plan.labels, annotations: { [ANNOTATION.state]: STATE.held } },
    spec: sandboxSpec,
  };
}
