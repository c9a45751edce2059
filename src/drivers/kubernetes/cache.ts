import { observedState, runningConditions } from '../../compute/conditions.js';
import type { DriverEvent } from '../../compute/driver.js';
import type { ObservedSandbox } from '../../compute/sandbox.js';
import type { CoreEvent, Owner, Pod } from './objects.js';
import { isMissing, type Objects } from './pod-status.js';
import { toPlatformEvent } from './progress.js';
import type { Change } from './reflector.js';
import { idOf } from './resources.js';

interface CacheOptions {
  readonly observe: (objects: Objects) => ObservedSandbox;
  /** Reads from the API server. The two watches are not in step: an owner can be seen before its Pod. */
  readonly confirm: (shown: ObservedSandbox) => Promise<Objects>;
  readonly emit: (event: DriverEvent) => Promise<void>;
}

/** How many Events that came before their Pod are kept. */
const MAX_EARLY_EVENTS = 256;

/** Merges the changes of Pods, owners and Events into events of sandboxes. */
export function createCache({ observe, confirm, emit }: CacheOptions) {
  const pods = new Map<string, Pod>();
  const owners = new Map<string, Owner>();
  const shown = new Map<string, string>();
  /** The last run of each sandbox that was emitted as running or exited. */
  const ran = new Map<string, string>();
  const idsByPod = new Map<string, string>();
  const early: CoreEvent[] = [];
  const listed = { pods: false, owners: false };
  let synced = false;

  function look(id: string): Objects {
    return { pod: pods.get(id), owner: owners.get(id) };
  }

  async function confirmed(id: string): Promise<ObservedSandbox | undefined> {
    for (;;) {
      const { pod, owner } = look(id);
      if (pod === undefined && owner === undefined) {
        return undefined;
      }
      const sandbox = observe({ pod, owner });
      if (!isMissing(sandbox)) {
        return sandbox;
      }
      const fresh = await confirm(sandbox);
      if (pods.get(id) !== pod || owners.get(id) !== owner) {
        continue;
      }
      // Nothing left: the watch will report it.
      return fresh.pod === undefined && fresh.owner === undefined ? undefined : observe(fresh);
    }
  }

  async function refresh(id: string): Promise<void> {
    if (id === '') {
      return;
    }
    const sandbox = await confirmed(id);
    if (sandbox === undefined) {
      if (!pods.has(id) && !owners.has(id) && shown.delete(id)) {
        ran.delete(id);
        await emit({ type: 'deleted', id });
      }
      return;
    }
    const text = JSON.stringify(sandbox.status);
    if (shown.get(id) === text) {
      return;
    }
    shown.set(id, text);
    const { kind } = observedState(sandbox.status);
    const { instanceId } = sandbox.status;
    // A process may end before the kubelet first reports it; emit that it ran nevertheless.
    if (kind === 'exited' && synced && ran.get(id) !== instanceId) {
      await emit({
        type: 'sandbox',
        sandbox: { ...sandbox, status: { ...sandbox.status, conditions: runningConditions() } },
      });
    }
    if (kind === 'running' || kind === 'exited') {
      ran.set(id, instanceId);
    }
    await emit({ type: 'sandbox', sandbox });
  }

  function publish(id: string, event: CoreEvent) {
    return emit({ type: 'platform', id, event: toPlatformEvent(event) });
  }

  async function flushEarly(pod: Pod, id: string): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    idsByPod.set(uid, id);
    for (let i = early.findIndex((one) => one.involvedObject.uid === uid); i !== -1; ) {
      await publish(id, early.splice(i, 1)[0] as CoreEvent);
      i = early.findIndex((one) => one.involvedObject.uid === uid);
    }
  }

  async function apply<T extends Pod | Owner>(
    kind: 'pods' | 'owners',
    known: Map<string, T>,
    change: Change<T>,
  ): Promise<void> {
    if (change.type === 'list') {
      const before = [...known.keys()];
      known.clear();
      for (const object of change.items) {
        known.set(idOf(object), object);
      }
      listed[kind] = true;
      if (!listed.pods || !listed.owners) {
        return;
      }
      for (const id of new Set([...before, ...pods.keys(), ...owners.keys()])) {
        await refresh(id);
      }
      if (!synced) {
        await emit({ type: 'synced' });
      }
      synced = true;
      return;
    }
    const id = idOf(change.object);
    if (change.type === 'put') {
      known.set(id, change.object);
    } else if (known.get(id)?.metadata.uid === change.object.metadata.uid) {
      known.delete(id);
    }
    if (synced) {
      await refresh(id);
    }
  }

  return {
    async pods(change: Change<Pod>): Promise<void> {
      if (change.type === 'gone') {
        idsByPod.delete(change.object.metadata.uid ?? '');
      } else {
        if (change.type === 'list') {
          idsByPod.clear();
        }
        for (const pod of change.type === 'list' ? change.items : [change.object]) {
          await flushEarly(pod, idOf(pod));
        }
      }
      await apply('pods', pods, change);
    },
    owners: (change: Change<Owner>) => apply('owners', owners, change),
    async events(change: Change<CoreEvent>): Promise<void> {
      // A list holds past Events only.
      if (change.type !== 'put') {
        return;
      }
      const { uid } = change.object.involvedObject;
      const id = idsByPod.get(uid ?? '');
      if (id !== undefined) {
        return publish(id, change.object);
      }
      early.push(change.object);
      if (early.length > MAX_EARLY_EVENTS) {
        early.shift();
      }
    },
    /** Refreshes sandboxes whose state depends on the time. */
    async tick(): Promise<void> {
      if (!synced) {
        return;
      }
      for (const [id, pod] of pods) {
        if (pod.status?.phase === 'Pending') {
          await refresh(id);
        }
      }
    },
  };
}
