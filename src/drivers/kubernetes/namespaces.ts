import { Code, failedPrecondition, OpenShellError } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import { deadline, withDeadline } from '../../kit/deadline.js';
import { hasCode, isNamespaceGone } from './api-errors.js';
import type { Names } from './names.js';
import type { NetworkPolicies } from './network-policies.js';
import type { Namespace } from './objects.js';
import { reflect } from './reflector.js';
import type { Rest } from './rest.js';

/** The namespaces that sandboxes live in, each with its NetworkPolicies. */
export interface Namespaces {
  /** Runs `make` where all stands ready; cheap when that was done before. Once more when somebody removed the namespace. */
  within<T>(workspace: string, signal: AbortSignal, make: () => Promise<T>): Promise<T>;
  ensure(workspace: string, signal: AbortSignal): Promise<void>;
  /** Puts back the NetworkPolicies that somebody removed or changed. */
  keepPolicies(signal: AbortSignal): Promise<void>;
  /** With workspace_mode managed: removes the workspace's namespace and all in it, and waits for its end. */
  remove(workspace: string, signal: AbortSignal): Promise<void>;
}

interface NamespacesOptions {
  readonly rest: Rest;
  readonly names: Names;
  readonly gatewayId: string;
  /** Undefined: the operator wants none. */
  readonly policies: NetworkPolicies | undefined;
}

const PREPARE_TIMEOUT_MS = 120_000;
/** Of a namespace that is on its way out; then the user should know. */
const TERMINATING_TIMEOUT_MS = 45_000;

export function createNamespaces(options: NamespacesOptions): Namespaces {
  const { rest, names, gatewayId, policies } = options;
  const ensured = new Map<string, Promise<void>>();

  async function get(name: string, signal: AbortSignal): Promise<Namespace | undefined> {
    try {
      return await rest.json<Namespace>({
        path: `/api/v1/namespaces/${name}`,
        what: `get namespace '${name}'`,
        signal,
      });
    } catch (error) {
      if (hasCode(error, Code.NOT_FOUND)) {
        return undefined;
      }
      throw error;
    }
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
    throw new OpenShellError(
      Code.UNAVAILABLE,
      `namespace '${name}' is still being removed${blocking ? `: ${blocking}` : ''}`,
      { reason: 'NamespaceTerminating', hint: 'look for finalizers on what is left in it' },
    );
  }

  function requireOurs(found: Namespace): void {
    if (found.metadata.labels?.[LABEL.gatewayId] === gatewayId) {
      return;
    }
    throw failedPrecondition(`namespace '${found.metadata.name}' is not this gateway's`, {
      reason: 'NamespaceNotOurs',
      hint: 'remove it, or name the workspace otherwise',
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
    await rest
      .json({
        method: 'POST',
        path: '/api/v1/namespaces',
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
        what: `create namespace '${name}'`,
        signal,
      })
      .catch((error) => {
        if (!hasCode(error, Code.ALREADY_EXISTS)) {
          throw error;
        }
      });
  }

  /** Those that stand, also from before this process. */
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

  /** Shared by all who wait for it, so none of them cancels it. */
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
    async within(workspace, signal, make) {
      await ensure(workspace, signal);
      try {
        return await make();
      } catch (error) {
        if (!isNamespaceGone(error)) {
          throw error;
        }
        ensured.delete(names.namespaceOf(workspace));
        await ensure(workspace, signal);
        return make();
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
      await rest
        .json({
          method: 'DELETE',
          path: `/api/v1/namespaces/${name}`,
          what: `delete namespace '${name}'`,
          signal,
        })
        .catch((error) => {
          if (!hasCode(error, Code.NOT_FOUND) && !hasCode(error, Code.ABORTED)) {
            throw error;
          }
        });
      await waitGone(name, signal);
    },
  };
}
