import { Code, failedPrecondition, unavailable } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import { deadline, withDeadline } from '../../kit/deadline.js';
import { isNamespaceGone, tolerate } from './api-errors.js';
import type { Names } from './names.js';
import type { NetworkPolicies } from './network-policies.js';
import type { Namespace } from './objects.js';
import { reflect } from './reflector.js';
import type { Rest } from './rest.js';

/** The namespaces that sandboxes live in, each with its NetworkPolicies. */
export interface Namespaces {
  /** Runs `create` after `ensure`, and once more if someone deleted the namespace since. */
  within<T>(workspace: string, signal: AbortSignal, create: () => Promise<T>): Promise<T>;
  /** Cheap once it has succeeded. */
  ensure(workspace: string, signal: AbortSignal): Promise<void>;
  /** Restores the NetworkPolicies that someone removed or changed. */
  keepPolicies(signal: AbortSignal): Promise<void>;
  /** With workspace_mode managed: deletes the workspace's namespace and everything in it, and waits until it is gone. */
  remove(workspace: string, signal: AbortSignal): Promise<void>;
}

interface NamespacesOptions {
  readonly rest: Rest;
  readonly names: Names;
  readonly gatewayId: string;
  /** Undefined: switched off by the operator. */
  readonly policies: NetworkPolicies | undefined;
}

const PREPARE_TIMEOUT_MS = 120_000;
/** How long to wait for a namespace that is being deleted before reporting it. */
const TERMINATING_TIMEOUT_MS = 45_000;

export function createNamespaces(options: NamespacesOptions): Namespaces {
  const { rest, names, gatewayId, policies } = options;
  const ensured = new Map<string, Promise<void>>();

  function get(name: string, signal: AbortSignal): Promise<Namespace | undefined> {
    const request = { path: `/api/v1/namespaces/${name}`, what: `get namespace '${name}'`, signal };
    return tolerate(rest.json<Namespace>(request), Code.NOT_FOUND);
  }

  async function waitGone(name: string, signal: AbortSignal): Promise<void> {
    const until = deadline(TERMINATING_TIMEOUT_MS, signal);
    const changes = reflect<Namespace>({
      rest,
      path: '/api/v1/namespaces',
      query: { fieldSelector: `metadata.name=${name}` },
      what: 'namespaces',
      signal: until,
    });
    let last: Namespace | undefined;
    for await (const change of changes) {
      if (change.type === 'gone' || (change.type === 'list' && change.items.length === 0)) {
        return;
      }
      last = change.type === 'put' ? change.object : change.items[0];
    }
    signal.throwIfAborted();
    const blocking = last?.status?.conditions?.find((one) => one.status === 'True')?.message;
    throw unavailable(`namespace '${name}' is still being deleted${blocking ? `: ${blocking}` : ''}`, {
      reason: 'NamespaceTerminating',
      hint: 'check for finalizers on what is left in it',
    });
  }

  function requireOurs(found: Namespace): void {
    if (found.metadata.labels?.[LABEL.gatewayId] === gatewayId) {
      return;
    }
    throw failedPrecondition(`namespace '${found.metadata.name}' does not belong to this gateway`, {
      reason: 'NamespaceNotOurs',
      hint: 'delete it, or choose another name for the workspace',
    });
  }

  async function ensureNamespace(workspace: string, name: string, signal: AbortSignal): Promise<void> {
    const found = await get(name, signal);
    if (found !== undefined) {
      requireOurs(found);
      if (found.status?.phase !== 'Terminating') {
        return;
      }
      await waitGone(name, signal);
    }
    const labels = {
      [LABEL.managedBy]: 'openshell',
      [LABEL.gatewayId]: gatewayId,
      [LABEL.sandboxWorkspace]: workspace,
      'pod-security.kubernetes.io/enforce': 'restricted',
    };
    const call = rest.json({
      method: 'POST',
      path: '/api/v1/namespaces',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
      what: `create namespace '${name}'`,
      signal,
    });
    await tolerate(call, Code.ALREADY_EXISTS);
  }

  /** Includes those created before this process started. */
  async function existing(signal: AbortSignal): Promise<string[]> {
    if (names.mode === 'shared') {
      return [names.namespaceOf('')];
    }
    const { items } = await rest.list<Namespace>({
      path: '/api/v1/namespaces',
      query: { labelSelector: names.ownSelector },
      what: 'list namespaces',
      signal,
    });
    return items.filter(({ status }) => status?.phase !== 'Terminating').map(({ metadata }) => metadata.name);
  }

  async function prepare(workspace: string, name: string, signal: AbortSignal): Promise<void> {
    if (names.mode === 'managed') {
      await ensureNamespace(workspace, name, signal);
    }
    await policies?.ensure(name, signal);
  }

  /** Shared by all callers, so none of them cancels it. */
  function prepared(workspace: string): Promise<void> {
    const name = names.namespaceOf(workspace);
    const known = ensured.get(name);
    if (known !== undefined) {
      return known;
    }
    const preparing = prepare(workspace, name, deadline(PREPARE_TIMEOUT_MS));
    ensured.set(name, preparing);
    preparing.catch(() => ensured.delete(name));
    return preparing;
  }

  function ensure(workspace: string, signal: AbortSignal): Promise<void> {
    return withDeadline(PREPARE_TIMEOUT_MS, signal, () => prepared(workspace));
  }

  return {
    async within(workspace, signal, create) {
      await ensure(workspace, signal);
      try {
        return await create();
      } catch (error) {
        if (!isNamespaceGone(error)) {
          throw error;
        }
        ensured.delete(names.namespaceOf(workspace));
        await ensure(workspace, signal);
        return create();
      }
    },
    ensure,
    async keepPolicies(signal) {
      if (policies !== undefined) {
        await policies.keep(await existing(signal), signal);
      }
    },
    async remove(workspace, signal) {
      if (names.mode === 'shared') {
        return;
      }
      const name = names.namespaceOf(workspace);
      ensured.delete(name);
      const found = await get(name, signal);
      if (found === undefined) {
        return;
      }
      requireOurs(found);
      const path = `/api/v1/namespaces/${name}`;
      const call = rest.json({ method: 'DELETE', path, what: `delete namespace '${name}'`, signal });
      await tolerate(call, Code.NOT_FOUND, Code.ABORTED);
      await waitGone(name, signal);
    },
  };
}
