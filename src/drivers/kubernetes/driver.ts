import {
  type CallOptions,
  type ComputeDriver,
  type DriverEvent,
  EXEC_LEFT_BEHIND,
  type LogOptions,
  type SandboxAccess,
} from '../../compute/driver.js';
import type { DriverContext } from '../../compute/entry.js';
import { failedPrecondition, notFound } from '../../compute/errors.js';
import type { ObservedSandbox, SandboxRef } from '../../compute/sandbox.js';
import { startExec } from './exec.js';
import { createLifecycle } from './lifecycle.js';
import { readLogs } from './logs.js';
import { createNames, type Place, type WorkspaceMode } from './names.js';
import { createNamespaces } from './namespaces.js';
import { createNetworkPolicies } from './network-policies.js';
import type { Pod } from './objects.js';
import { planSandbox } from './pod.js';
import { createPodSeal } from './pod-seal.js';
import { isMissing, type Objects, observeObjects } from './pod-status.js';
import { serverVersion } from './probe.js';
import { createResources } from './resources.js';
import type { Rest } from './rest.js';
import { createSandboxCrdLifecycle } from './sandbox-crd-lifecycle.js';
import type { KubernetesSettings } from './settings.js';
import { watchSandboxes } from './watch.js';

/** Sandboxes as Pods of the cluster that `rest` talks to. */
export function createKubernetesDriver(context: DriverContext, rest: Rest): ComputeDriver {
  const settings = context.settings as KubernetesSettings;
  const { gatewayId, log } = context;
  const gateway = { gatewayId, version: context.version };
  const names = createNames({
    gatewayId,
    mode: settings.workspace_mode as WorkspaceMode,
    namespace: settings.namespace,
  });
  const asPod = settings.sandbox_api === 'pod';
  const ownerKind = asPod ? 'persistentvolumeclaims' : 'sandboxes';
  const resources = createResources({ rest, names, gatewayId, ownerKind });
  const policies = settings.network_policy
    ? createNetworkPolicies({ rest, names, gatewayId, egressExcept: settings.sandbox_egress_except, log })
    : undefined;
  const namespaces = createNamespaces({ rest, names, gatewayId, policies });
  function plan(sandbox: Parameters<ComputeDriver['create']>[0]) {
    return planSandbox(sandbox, names.placeOf(sandbox), gateway, settings);
  }

  const seal = createPodSeal({
    gatewayId,
    secret: context.secret,
    trustUnsigned: settings.trust_unsigned_claims,
  });
  const lifecycle = (asPod ? createLifecycle : createSandboxCrdLifecycle)({
    resources,
    namespaces,
    plan,
    seal,
    stopTimeoutMs: settings.stop_timeout_secs * 1000,
    log,
  });
  function observe(objects: Objects) {
    return observeObjects(objects, {
      scheduleTimeoutMs: settings.schedule_timeout_secs * 1000,
      now: rest.now,
    });
  }

  const listeners = new Set<(event: DriverEvent) => void>();
  function reportLeftBehind(id: string) {
    const event: DriverEvent = {
      type: 'platform',
      id,
      event: {
        timestampMs: rest.now(),
        source: 'kubernetes',
        type: 'Warning',
        reason: EXEC_LEFT_BEHIND,
        message: 'a command could not be ended: it runs until the sandbox is stopped',
        metadata: {},
      },
    };
    for (const listener of listeners) {
      listener(event);
    }
  }

  /** Pods and owners are read one after the other, so a sandbox without a Pod is read again before it is reported. */
  async function observeSure(objects: Objects, signal: AbortSignal): Promise<ObservedSandbox | undefined> {
    const seen = observe(objects);
    if (!isMissing(seen)) {
      return seen;
    }
    const again = await resources.find(seen, signal);
    return exists(again) ? observe(again) : undefined;
  }

  async function podOf(ref: SandboxRef, signal: AbortSignal): Promise<Pod> {
    const named = await resources.findPod(ref, signal);
    if (named !== undefined) {
      return named;
    }
    const { pod, owner } = await resources.find(ref, signal);
    if (pod !== undefined) {
      return pod;
    }
    if (owner === undefined) {
      throw notFound(`sandbox '${ref.name || ref.id}' does not exist in the cluster`);
    }
    throw notRunning(ref);
  }

  const access: SandboxAccess = {
    async exec(ref, spec, { signal }) {
      const pod = await podOf(ref, signal);
      if (observe({ pod, owner: undefined }).status.conditions[0]?.status !== 'True') {
        throw notRunning(ref);
      }
      return startExec({
        rest,
        place: placeOf(pod),
        spec,
        workspacePath: settings.workspace_path,
        signal,
        timeoutMs: settings.api_timeout_secs * 1000,
        onLeftBehind: () => reportLeftBehind(ref.id),
        log: log.child({ sandbox_id: ref.id }),
      });
    },
    async *logs(ref: SandboxRef, options: LogOptions) {
      const { pod, owner } = await resources.find(ref, options.signal);
      if (pod !== undefined) {
        yield* readLogs(rest, placeOf(pod), options);
      } else if (owner === undefined) {
        throw notFound(`sandbox '${ref.name || ref.id}' does not exist in the cluster`);
      }
    },
  };

  return {
    name: 'kubernetes',
    access,
    async capabilities({ signal }) {
      const version = await serverVersion(rest, signal);
      return {
        driverName: 'kubernetes',
        driverVersion: version.gitVersion.replace(/^v/, ''),
        defaultImage: settings.default_image,
        gatewayManagesLifecycle: false,
        resources: { cpuLimit: true, memoryLimit: true, gpuDefault: true, gpuCount: true },
      };
    },
    async validateCreate(sandbox) {
      seal.seal(plan(sandbox).pod, sandbox.id);
    },
    create: (sandbox, { signal }) => lifecycle.create(sandbox, signal),
    async get(ref, { signal }) {
      const objects = await resources.find(ref, signal);
      return exists(objects) ? observeSure(objects, signal) : undefined;
    },
    async list({ signal }) {
      const keeping = namespaces.keepPolicies(signal).catch((error) => {
        if (!signal.aborted) {
          log.warn('the NetworkPolicies of the sandboxes could not be checked', { error });
        }
      });
      const [objects] = await Promise.all([resources.listAll(signal), keeping]);
      const all = [...objects.values()];
      const seen = await Promise.all(all.map((objects) => observeSure(objects, signal)));
      return seen.filter((sandbox) => sandbox !== undefined);
    },
    stop: (ref, { signal }) => lifecycle.stop(ref, signal),
    start: (ref, { signal }) => lifecycle.start(ref, signal),
    delete: (ref, { signal }) => lifecycle.delete(ref, signal),
    watch: ({ signal }) =>
      watchSandboxes({ rest, names, ownerKind, find: resources.find, observe, listeners, signal, log }),
    ensureWorkspace: (workspace, { signal }) => namespaces.ensure(workspace, signal),
    // A shared namespace outlives its workspaces.
    ...(names.mode === 'managed' && {
      deleteWorkspace: (workspace: string, { signal }: CallOptions) => namespaces.remove(workspace, signal),
    }),
    async close() {
      rest.close();
    },
  };
}

function exists({ pod, owner }: Objects): boolean {
  return pod !== undefined || owner !== undefined;
}

function placeOf({ metadata }: Pod): Place {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}

function notRunning(ref: SandboxRef) {
  return failedPrecondition(`sandbox '${ref.name || ref.id}' is not running`, {
    reason: 'NotRunning',
    hint: 'start it, or wait until it is ready',
  });
}
