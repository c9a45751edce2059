import { Code, failedPrecondition, OpenShellError, unavailable } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import type { SandboxRef } from '../../compute/sandbox.js';
import { delay } from '../../kit/deadline.js';
import { hasCode, namespaceMissing, tolerate } from './api-errors.js';
import { ANNOTATION, type Names, type OwnerKind, type Place, STATE } from './names.js';
import type { KubeObject, Owner, Pod } from './objects.js';
import { isOf } from './pod.js';
import type { Objects } from './pod-status.js';
import { reflect } from './reflector.js';
import type { Rest } from './rest.js';

/** The Pods and owners of one gateway. Objects without its label are never returned or changed. */
export interface Resources {
  find(ref: SandboxRef, signal: AbortSignal): Promise<Objects>;
  /** The Pod alone, in one call. Undefined also when the name in `ref` is not the sandbox's. */
  findPod(ref: SandboxRef, signal: AbortSignal): Promise<Pod | undefined>;
  /** By sandbox id. */
  listAll(signal: AbortSignal): Promise<Map<string, Objects>>;
  createPod(pod: Pod, signal: AbortSignal): Promise<Pod>;
  createOwner(owner: Owner, signal: AbortSignal): Promise<Owner>;
  /** Sets other annotations as well, if given. */
  setState(
    owner: Owner,
    state: string,
    signal: AbortSignal,
    annotations?: Readonly<Record<string, string>>,
  ): Promise<void>;
  /** Resolves when it is gone. `graceSeconds` undefined: the Pod's own. */
  removePod(pod: Pod, graceSeconds: number | undefined, signal: AbortSignal): Promise<void>;
  /** Resolves when someone else has removed it. */
  waitPodGone(pod: Pod, signal: AbortSignal): Promise<void>;
  /** Resolves when the claim has its volume; rejects with the signal's reason. */
  waitBound(claim: Owner, signal: AbortSignal): Promise<void>;
  removeOwner(owner: Owner, signal: AbortSignal): Promise<void>;
}

type Kind = 'pods' | OwnerKind;

/** A new namespace gets its service account a moment later. */
const SERVICE_ACCOUNT_WAIT_MS = 100;
const SERVICE_ACCOUNT_TRIES = 100;

export function createResources(options: {
  rest: Rest;
  names: Names;
  gatewayId: string;
  ownerKind: OwnerKind;
}): Resources {
  const { rest, names, gatewayId, ownerKind } = options;

  function get<T>(kind: Kind, place: Place, signal: AbortSignal): Promise<T | undefined> {
    const path = names.path(place.namespace, kind, place.name);
    return tolerate(rest.json<T>({ path, what: `get ${described(kind, place)}`, signal }), Code.NOT_FOUND);
  }

  function list<T extends KubeObject>(kind: Kind, selector: string, signal: AbortSignal) {
    return rest.list<T>({
      path: names.everywhere(kind),
      query: { labelSelector: selector },
      what: `list ${kind}`,
      signal,
    });
  }

  async function findByName(ref: SandboxRef, signal: AbortSignal): Promise<Objects> {
    const place = names.placeOf(ref);
    const [pod, owner] = await Promise.all([
      get<Pod>('pods', place, signal),
      get<Owner>(ownerKind, place, signal),
    ]);
    return {
      pod: isOf(pod?.metadata.labels, gatewayId, ref.id) ? pod : undefined,
      owner: isOf(owner?.metadata.labels, gatewayId, ref.id) ? owner : undefined,
    };
  }

  async function findById(id: string, signal: AbortSignal): Promise<Objects> {
    const selector = `${names.ownSelector},${LABEL.sandboxId}=${id}`;
    const [pods, owners] = await Promise.all([
      list<Pod>('pods', selector, signal),
      list<Owner>(ownerKind, selector, signal),
    ]);
    return { pod: pods.items[0], owner: owners.items[0] };
  }

  async function create<T extends KubeObject>(kind: Kind, object: T, signal: AbortSignal): Promise<T> {
    const { namespace = '', name } = object.metadata;
    const path = names.path(namespace, kind);
    const what = `create ${described(kind, object.metadata)}`;
    try {
      return await rest.json<T>({ method: 'POST', path, body: object, what, signal });
    } catch (error) {
      if (!hasCode(error, Code.ALREADY_EXISTS)) {
        throw namespaceMissing(error, namespace);
      }
      const existing = await get<T>(kind, { namespace, name }, signal);
      const id = object.metadata.labels?.[LABEL.sandboxId] ?? '';
      if (isOf(existing?.metadata.labels, gatewayId, id)) {
        throw error;
      }
      throw failedPrecondition(
        `${kind} '${name}' in namespace '${namespace}' exists and is not this sandbox's`,
        {
          reason: 'NameTaken',
          hint: 'choose another name for the sandbox, or a separate namespace for each gateway',
          cause: error,
        },
      );
    }
  }

  async function remove(
    kind: Kind,
    object: KubeObject,
    graceSeconds: number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace = '', name, uid } = object.metadata;
    const call = rest.json({
      method: 'DELETE',
      path: names.path(namespace, kind, name),
      body: {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        preconditions: { uid },
        ...(graceSeconds !== undefined && { gracePeriodSeconds: graceSeconds }),
      },
      what: `delete ${described(kind, object.metadata)}`,
      signal,
    });
    // ABORTED: another object has this name by now.
    await tolerate(call, Code.NOT_FOUND, Code.ABORTED);
  }

  function follow<T extends KubeObject>(kind: Kind, object: T, signal: AbortSignal) {
    const { namespace = '', name } = object.metadata;
    return reflect<T>({
      rest,
      path: names.path(namespace, kind),
      query: { fieldSelector: `metadata.name=${name}` },
      what: described(kind, object.metadata),
      signal,
    });
  }

  async function waitBound(claim: Owner, signal: AbortSignal): Promise<void> {
    for await (const change of follow(ownerKind, claim, signal)) {
      const seen = change.type === 'list' ? change.items : [change.object];
      if (seen.some((one) => one.metadata.uid === claim.metadata.uid && one.status?.phase === 'Bound')) {
        return;
      }
    }
    throw signal.reason;
  }

  async function waitGone(kind: Kind, object: KubeObject, signal: AbortSignal): Promise<void> {
    const { uid } = object.metadata;
    for await (const change of follow(kind, object, signal)) {
      if (change.type === 'list' && !change.items.some((one) => one.metadata.uid === uid)) {
        return;
      }
      if (change.type === 'gone' && change.object.metadata.uid === uid) {
        return;
      }
    }
    if (signal.reason?.name !== 'TimeoutError') {
      throw signal.reason;
    }
    throw unavailable(`${described(kind, object.metadata)} is still being deleted`, {
      reason: 'StillTerminating',
      hint: 'check its node and its finalizers',
    });
  }

  return {
    async find(ref, signal) {
      const objects = ref.name === '' ? undefined : await findByName(ref, signal);
      if (objects?.pod !== undefined || objects?.owner !== undefined) {
        return objects;
      }
      return findById(ref.id, signal);
    },
    async findPod(ref, signal) {
      const pod = ref.name === '' ? undefined : await get<Pod>('pods', names.placeOf(ref), signal);
      return isOf(pod?.metadata.labels, gatewayId, ref.id) ? pod : undefined;
    },
    async listAll(signal) {
      const [pods, owners] = await Promise.all([
        list<Pod>('pods', names.ownSelector, signal),
        list<Owner>(ownerKind, names.ownSelector, signal),
      ]);
      const all = new Map<string, Objects>();
      for (const owner of owners.items) {
        all.set(idOf(owner), { pod: undefined, owner });
      }
      for (const pod of pods.items) {
        all.set(idOf(pod), { owner: all.get(idOf(pod))?.owner, pod });
      }
      all.delete('');
      return all;
    },
    async createPod(pod, signal) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await create('pods', pod, signal);
        } catch (error) {
          const isTooEarly =
            error instanceof OpenShellError && /service ?account .*not found/i.test(error.message);
          if (!isTooEarly || attempt === SERVICE_ACCOUNT_TRIES) {
            throw error;
          }
          await delay(SERVICE_ACCOUNT_WAIT_MS, signal);
        }
      }
    },
    createOwner: (owner, signal) => create(ownerKind, owner, signal),
    async setState({ metadata }, state, signal, annotations) {
      const { namespace = '', name, uid } = metadata;
      await rest.json({
        method: 'PATCH',
        path: names.path(namespace, ownerKind, name),
        body: {
          metadata: { uid, annotations: { ...annotations, [ANNOTATION.state]: state } },
          ...(ownerKind === 'sandboxes' && { spec: { replicas: state === STATE.stopped ? 0 : 1 } }),
        },
        what: `patch ${described(ownerKind, metadata)}`,
        signal,
      });
    },
    async removePod(pod, graceSeconds, signal) {
      await remove('pods', pod, graceSeconds, signal);
      await waitGone('pods', pod, signal);
    },
    waitBound,
    waitPodGone: (pod, signal) => waitGone('pods', pod, signal),
    async removeOwner(owner, signal) {
      await remove(ownerKind, owner, undefined, signal);
      await waitGone(ownerKind, owner, signal);
    },
  };
}

function described(kind: Kind, { namespace = '', name }: Partial<Place>): string {
  return `${kind} '${name}' in '${namespace}'`;
}

export function idOf(object: KubeObject): string {
  return object.metadata.labels?.[LABEL.sandboxId] ?? '';
}
