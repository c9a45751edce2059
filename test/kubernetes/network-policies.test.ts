import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { silentLogger } from '../../dist/compute/log.js';
import { createNames, type WorkspaceMode } from '../../dist/drivers/kubernetes/names.js';
import { createNamespaces } from '../../dist/drivers/kubernetes/namespaces.js';
import { createNetworkPolicies } from '../../dist/drivers/kubernetes/network-policies.js';
import { warningsInto } from '../support/logger.js';
import { answer, fakeApi, refusal } from './fake-api.js';
import { defaults, GATEWAY } from './fixtures.js';

const { signal } = new AbortController();
const BASE = '/apis/networking.k8s.io/v1';

interface Policy {
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  spec: { policyTypes: string[]; ingress?: unknown; egress?: EgressRule[]; podSelector: unknown };
}
interface EgressRule {
  ports?: unknown;
  to: { ipBlock?: { cidr: string; except?: string[] }; namespaceSelector?: unknown }[];
}

/** A cluster that keeps NetworkPolicies and, with workspace_mode managed, two namespaces. */
async function open(t: TestContext, given: { mode?: WorkspaceMode; except?: readonly string[] } = {}) {
  const mode = given.mode ?? 'shared';
  const names = createNames({ gatewayId: GATEWAY, mode, namespace: 'boxes' });
  const kept = new Map<string, Policy>();
  const take = async (request: IncomingMessage) => {
    let text = '';
    for await (const chunk of request) {
      text += chunk;
    }
    return JSON.parse(text) as Policy;
  };
  const api = await fakeApi((url, response, method) => {
    if (url.pathname === '/api/v1/namespaces') {
      const items = [
        { metadata: { name: names.namespaceOf('a') }, status: { phase: 'Active' } },
        { metadata: { name: names.namespaceOf('b') }, status: { phase: 'Active' } },
        { metadata: { name: names.namespaceOf('leaving') }, status: { phase: 'Terminating' } },
      ];
      return answer(response, 200, { metadata: {}, items });
    }
    if (method === 'GET') {
      const within = /\/namespaces\/([^/]+)\//.exec(url.pathname)?.[1];
      const items = [...kept.values()].filter(
        ({ metadata }) =>
          (within ?? metadata.namespace) === metadata.namespace &&
          metadata.labels['openshell.ai/gateway-id'] === GATEWAY,
      );
      return answer(response, 200, { metadata: {}, items });
    }
    void take(response.req).then((policy) => {
      const { namespace, name } = policy.metadata;
      const target = `${BASE}/namespaces/${namespace}/networkpolicies`;
      assert.equal(url.pathname, method === 'PUT' ? `${target}/${name}` : target);
      if (method === 'POST' && kept.has(`${namespace}/${name}`)) {
        return answer(response, 409, refusal(409, 'AlreadyExists'));
      }
      kept.set(`${namespace}/${name}`, policy);
      answer(response, 200, policy);
    });
  });
  t.after(api.close);
  const warnings: string[] = [];
  const policies = createNetworkPolicies({
    rest: api.rest,
    names,
    gatewayId: GATEWAY,
    egressExcept: given.except ?? defaults().sandbox_egress_except,
    log: warningsInto(warnings),
  });
  const namespaces = createNamespaces({ rest: api.rest, names, gatewayId: GATEWAY, policies });
  return { kept, warnings, namespaces, requests: api.requests };
}

function egressOf(kept: ReadonlyMap<string, Policy>): EgressRule[] {
  return [...kept.values()].find(({ spec }) => spec.policyTypes.includes('Egress'))?.spec.egress ?? [];
}

describe('the NetworkPolicies of sandboxes', () => {
  test('admit nobody, and let out to DNS and the internet alone', async (t) => {
    const { kept, namespaces } = await open(t);
    await namespaces.ensure('team', signal);
    const [ingress, egress] = [...kept.values()];
    assert.deepEqual([ingress?.spec.policyTypes, ingress?.spec.ingress], [['Ingress'], undefined]);
    assert.deepEqual(egress?.spec.policyTypes, ['Egress']);
    for (const policy of [ingress, egress]) {
      assert.deepEqual(policy?.spec.podSelector, { matchLabels: { 'openshell.ai/gateway-id': GATEWAY } });
    }
    const [dns, internet, ...more] = egressOf(kept);
    assert.deepEqual(more, []);
    assert.deepEqual(dns?.ports, [
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ]);
    assert.deepEqual(dns?.to, [
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } },
    ]);
    assert.deepEqual(
      internet?.to.map(({ ipBlock }) => ipBlock?.cidr),
      ['0.0.0.0/0', '::/0'],
    );
  });

  test('shut out Pods, Services, nodes and metadata by default', async (t) => {
    const { kept, namespaces } = await open(t);
    await namespaces.ensure('team', signal);
    const shut = new BlockList();
    for (const { ipBlock } of egressOf(kept)[1]?.to ?? []) {
      for (const range of ipBlock?.except ?? []) {
        const [address = '', bits] = range.split('/');
        const family = address.includes(':') ? 'ipv6' : 'ipv4';
        assert.equal(ipBlock?.cidr, family === 'ipv6' ? '::/0' : '0.0.0.0/0');
        shut.addSubnet(address, Number(bits), family);
      }
    }
    const inside = ['10.96.0.1', '172.20.0.1', '192.168.1.1', '100.100.100.200', '169.254.169.254'];
    for (const address of [...inside, '169.254.170.2', '168.63.129.16', '192.0.0.192', '240.1.2.3']) {
      assert.ok(shut.check(address, 'ipv4'), address);
    }
    for (const address of ['fd00:ec2::254', 'fe80::1', '64:ff9b::a9fe:a9fe']) {
      assert.ok(shut.check(address, 'ipv6'), address);
    }
    for (const address of ['1.1.1.1', '140.82.112.3']) {
      assert.ok(!shut.check(address, 'ipv4'), address);
    }
    assert.ok(!shut.check('2606:4700::1111', 'ipv6'));
  });

  test('that somebody removes, changes or takes the labels from are put back, and it is told', async (t) => {
    const { kept, warnings, namespaces } = await open(t);
    await namespaces.ensure('team', signal);
    const before = structuredClone([...kept]);
    const [ingress = '', egress = ''] = kept.keys();
    await namespaces.keepPolicies(signal);
    assert.deepEqual(warnings, []);

    kept.delete(ingress);
    await namespaces.keepPolicies(signal);
    assert.match(warnings.pop() ?? '', /deny-ingress.*'boxes' was removed and is restored/);

    (kept.get(egress) as Policy).spec.egress = [{ to: [] }];
    await namespaces.keepPolicies(signal);
    assert.match(warnings.pop() ?? '', /egress.* was changed/);

    (kept.get(ingress) as Policy).spec.ingress = [{}];
    (kept.get(ingress) as Policy).metadata.labels = {};
    await namespaces.keepPolicies(signal);
    assert.match(warnings.pop() ?? '', /was removed/);
    assert.deepEqual(warnings, []);
    assert.deepEqual(new Map(before), kept);
  });

  test('are kept in each namespace of the gateway, also in those that an earlier process made', async (t) => {
    const { kept, namespaces, requests } = await open(t, { mode: 'managed' });
    await namespaces.keepPolicies(signal);
    assert.deepEqual(
      [...kept.values()].map(({ metadata }) => metadata.namespace.slice(-2)),
      ['-a', '-a', '-b', '-b'],
    );
    const before = requests.length;
    await namespaces.keepPolicies(signal);
    assert.equal(requests.length - before, 2, 'one question for all namespaces');
  });

  test('shut out an API server with a public address as well', async (t) => {
    const { rest, close } = await fakeApi((_url, response) =>
      answer(response, 200, { metadata: {}, items: [] }),
    );
    t.after(close);
    const bodies: Policy[] = [];
    const policies = createNetworkPolicies({
      rest: {
        ...rest,
        server: new URL('https://203.0.113.9'),
        list: async () => ({ items: [], resourceVersion: '' }),
        json: async <T>({ body }: { body?: unknown }) => {
          bodies.push(body as Policy);
          return {} as T;
        },
      },
      names: createNames({ gatewayId: GATEWAY, mode: 'shared', namespace: 'boxes' }),
      gatewayId: GATEWAY,
      egressExcept: ['10.0.0.0/8'],
      log: silentLogger,
    });
    await policies.ensure('boxes', signal);
    assert.deepEqual(bodies[1]?.spec.egress?.[1]?.to[0]?.ipBlock?.except, ['10.0.0.0/8', '203.0.113.9/32']);
  });

  test('are refused when an exception is not an IP range', async (t) => {
    for (const range of ['10.0.0.0', '10.0.0.0/33', 'cluster/8', '10.0.0.0/0', 'fc00::/129']) {
      await assert.rejects(open(t, { except: [range] }), {
        code: Code.INVALID_ARGUMENT,
        message: `sandbox_egress_except: '${range}' is not an IP range`,
      });
    }
  });
});
