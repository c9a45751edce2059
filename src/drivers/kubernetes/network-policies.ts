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
 * What keeps one gateway's sandboxes to themselves: nobody connects to them, and they reach DNS and the internet but
 * nothing of the cluster. Whether that is enforced is up to the cluster's network.
 */
export interface NetworkPolicies {
  ensure(namespace: string, signal: AbortSignal): Promise<void>;
  /** As `ensure` for each, in one question; what was missing or changed is a warning. */
  keep(namespaces: readonly string[], signal: AbortSignal): Promise<void>;
}

interface NetworkPoliciesOptions {
  readonly rest: Rest;
  readonly names: Names;
  readonly gatewayId: string;
  /** IP ranges, as `10.0.0.0/8`. */
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
  /** Seen in place by this process, so that one that is missing was removed. */
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

  async function putRight(namespace: string, found: readonly NetworkPolicy[], signal: AbortSignal) {
    for (const { name, spec } of wanted) {
      const key = `${namespace}/${name}`;
      const there = found.find(({ metadata }) => metadata.name === name);
      if (there !== undefined && isDeepStrictEqual(there.spec, spec)) {
        seen.add(key);
        continue;
      }
      if (there !== undefined || seen.has(key)) {
        log.warn(
          `NetworkPolicy '${name}' in '${namespace}' is put back: somebody ${there ? 'changed' : 'removed'} it`,
        );
      }
      if (there !== undefined) {
        await write('PUT', namespace, name, spec, signal);
      } else {
        await write('POST', namespace, name, spec, signal).catch((error) => {
          // Its labels were taken away, or somebody else was faster.
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
      await putRight(namespace, await list(names.path(namespace, KIND), signal), signal);
    },
    async keep(namespaces, signal) {
      const all = await list(names.everywhere(KIND), signal);
      for (const namespace of namespaces) {
        const found = all.filter(({ metadata }) => metadata.namespace === namespace);
        await putRight(namespace, found, signal).catch((error) => {
          if (!isNamespaceGone(error)) {
            throw error;
          }
        });
      }
    },
  };
}

/** DNS of the cluster, and every address outside `except`. INVALID_ARGUMENT when that is no list of IP ranges. */
function egressRules(except: readonly string[], apiServer: string): unknown[] {
  const ranges = [...except];
  const covered = new BlockList();
  covered.addSubnet('127.0.0.0', 8);
  for (const range of except) {
    covered.addSubnet(...parseRange(range));
  }
  const host = apiServer.replace(/^\[|\]$/g, '');
  const family = isIP(host) === 6 ? 'ipv6' : 'ipv4';
  // One that has a public address is no part of the internet either.
  if (isIP(host) !== 0 && !covered.check(host, family)) {
    ranges.push(`${host}/${family === 'ipv6' ? 128 : 32}`);
  }
  function block(cidr: string, ofFamily: (range: string) => boolean) {
    const out = ranges.filter(ofFamily);
    return { ipBlock: { cidr, ...(out.length > 0 && { except: out }) } };
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
    throw invalidArgument(`sandbox_egress_except: '${range}' is no IP range`, {
      field: 'openshell.drivers.kubernetes.sandbox_egress_except',
      hint: "write an address and its prefix's length, as 10.0.0.0/8",
    });
  }
  return [address, Number(bits), version === 6 ? 'ipv6' : 'ipv4'];
}
