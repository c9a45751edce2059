import { BlockList, isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { Code, invalidArgument } from '../../compute/errors.js';
import { LABEL } from '../../compute/labels.js';
import type { Logger } from '../../compute/log.js';
import { hasCode, isNamespaceGone, namespaceMissing } from './api-errors.js';
import type { Names } from './names.js';
import type { KubeObject } from './objects.js';
import type { Rest } from './rest.js';

/**
 * Isolates one gateway's sandboxes: no ingress, and egress only to DNS and the internet, not to the cluster. The
 * cluster's network has to enforce it.
 */
export interface NetworkPolicies {
  ensure(namespace: string, signal: AbortSignal): Promise<void>;
  /** As `ensure` for each, with one list call; logs a warning for each policy that was missing or changed. */
  keep(namespaces: readonly string[], signal: AbortSignal): Promise<void>;
}

interface NetworkPoliciesOptions {
  readonly rest: Rest;
  readonly names: Names;
  readonly gatewayId: string;
  /** IP ranges, e.g. `10.0.0.0/8`. */
  readonly egressExcept: readonly string[];
  readonly log: Logger;
}

interface NetworkPolicy extends KubeObject {
  spec?: unknown;
}

const KIND = 'networkpolicies';

export function createNetworkPolicies(options: NetworkPoliciesOptions): NetworkPolicies {
  const { rest, names, gatewayId, log } = options;
  const egress = egressRules(options.egressExcept, rest.server.hostname);
  const podSelector = { matchLabels: { [LABEL.gatewayId]: gatewayId } };
  const wanted = [
    { name: `openshell-deny-ingress-${gatewayId}`, spec: { podSelector, policyTypes: ['Ingress'] } },
    { name: `openshell-egress-${gatewayId}`, spec: { podSelector, policyTypes: ['Egress'], egress } },
  ];
  /** Policies that this process has seen: one that is missing now was removed. */
  const seen = new Set<string>();

  async function write(
    method: 'POST' | 'PUT',
    namespace: string,
    name: string,
    spec: unknown,
    signal: AbortSignal,
  ) {
    await rest.json({
      method,
      path: names.path(namespace, KIND, method === 'PUT' ? name : undefined),
      body: {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: {
          name,
          namespace,
          labels: { [LABEL.managedBy]: 'openshell', [LABEL.gatewayId]: gatewayId },
        },
        spec,
      },
      what: `${method === 'POST' ? 'create' : 'update'} ${KIND} '${name}' in '${namespace}'`,
      signal,
    });
  }

  async function reconcile(namespace: string, found: readonly NetworkPolicy[], signal: AbortSignal) {
    for (const { name, spec } of wanted) {
      const key = `${namespace}/${name}`;
      const current = found.find(({ metadata }) => metadata.name === name);
      if (current !== undefined && isDeepStrictEqual(current.spec, spec)) {
        seen.add(key);
        continue;
      }
      if (current !== undefined || seen.has(key)) {
        const change = current === undefined ? 'removed' : 'changed';
        log.warn(`NetworkPolicy '${name}' in '${namespace}' was ${change} and is restored`);
      }
      if (current !== undefined) {
        await write('PUT', namespace, name, spec, signal);
      } else {
        await write('POST', namespace, name, spec, signal).catch((error) => {
          // Its labels were removed, or someone else created it first.
          if (hasCode(error, Code.ALREADY_EXISTS)) {
            return write('PUT', namespace, name, spec, signal);
          }
          throw namespaceMissing(error, namespace);
        });
      }
      seen.add(key);
    }
  }

  async function list(path: string, signal: AbortSignal): Promise<readonly NetworkPolicy[]> {
    const query = { labelSelector: names.ownSelector };
    return (await rest.list<NetworkPolicy>({ path, query, what: `list ${KIND}`, signal })).items;
  }

  return {
    async ensure(namespace, signal) {
      await reconcile(namespace, await list(names.path(namespace, KIND), signal), signal);
    },
    async keep(namespaces, signal) {
      const all = await list(names.everywhere(KIND), signal);
      for (const namespace of namespaces) {
        const found = all.filter(({ metadata }) => metadata.namespace === namespace);
        await reconcile(namespace, found, signal).catch((error) => {
          if (!isNamespaceGone(error)) {
            throw error;
          }
        });
      }
    },
  };
}

/** The cluster's DNS, and every address outside `except`. INVALID_ARGUMENT when that is not a list of IP ranges. */
function egressRules(except: readonly string[], apiServer: string): unknown[] {
  const ranges = [...except];
  const covered = new BlockList();
  covered.addSubnet('127.0.0.0', 8);
  for (const range of except) {
    covered.addSubnet(...parseRange(range));
  }
  const host = apiServer.replace(/^\[|\]$/g, '');
  const family = isIP(host) === 6 ? 'ipv6' : 'ipv4';
  // An API server with a public address is excluded too.
  if (isIP(host) !== 0 && !covered.check(host, family)) {
    ranges.push(`${host}/${family === 'ipv6' ? 128 : 32}`);
  }
  function block(cidr: string, ofFamily: (range: string) => boolean) {
    const excluded = ranges.filter(ofFamily);
    return { ipBlock: { cidr, ...(excluded.length > 0 && { except: excluded }) } };
  }

  return [
    {
      ports: ['UDP', 'TCP'].map((protocol) => ({ protocol, port: 53 })),
      to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }],
    },
    {
      to: [
        block('0.0.0.0/0', (range) => !range.includes(':')),
        block('::/0', (range) => range.includes(':')),
      ],
    },
  ];
}

function parseRange(range: string): [string, number, 'ipv4' | 'ipv6'] {
  const [, address = '', bits = ''] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(range) ?? [];
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  if (version === 0 || Number(bits) < 1 || Number(bits) > most) {
    throw invalidArgument(`sandbox_egress_except: '${range}' is not an IP range`, {
      field: 'openshell.drivers.kubernetes.sandbox_egress_except',
      hint: 'use an address and a prefix length, e.g. 10.0.0.0/8',
    });
  }
  return [address, Number(bits), version === 6 ? 'ipv6' : 'ipv4'];
}
