import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { gatewayToml, type Manifest, ofKind, pem, ROOT, render, theOne, withoutHelm } from './chart.js';
import { defaults } from './fixtures.js';

const skip = await withoutHelm();

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string }[];
}
interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}
interface Rule {
  readonly ports: readonly { readonly port: string }[];
  readonly from?: readonly Peer[];
}
type Labels = Readonly<Record<string, string>>;

function matches(selector: Selector, labels: Labels): boolean {
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every(({ key, operator }) => {
      assert.equal(operator, 'DoesNotExist');
      return labels[key] === undefined;
    })
  );
}

/** Whether the gateway's policy admits a Pod to a port; `namespace` undefined: one of the release's own. */
function admits(manifests: readonly Manifest[], port: string, pod: Labels, namespace?: Labels): boolean {
  const { spec } = theOne(manifests, 'NetworkPolicy') as unknown as { spec: { ingress: Rule[] } };
  return spec.ingress
    .filter(({ ports }) => ports.some((one) => one.port === port))
    .some(
      ({ from }) =>
        from === undefined ||
        from.some(
          (peer) =>
            peer.ipBlock === undefined &&
            matches(peer.podSelector ?? {}, pod) &&
            (peer.namespaceSelector === undefined
              ? namespace === undefined
              : matches(peer.namespaceSelector, namespace ?? {})),
        ),
    );
}

const SANDBOX = { 'openshell.ai/gateway-id': 'x', 'openshell.ai/managed-by': 'openshell', team: 'a' };
const PORTS = ['grpc', 'health', 'metrics'];

function refuses(manifests: readonly Manifest[]): void {
  for (const port of PORTS) {
    assert.equal(admits(manifests, port, SANDBOX), false, `${port}, in the release's namespace`);
    assert.equal(admits(manifests, port, SANDBOX, { team: 'a' }), false, `${port}, in any namespace`);
    const inSandboxes = { 'openshell.ai/managed-by': 'openshell', team: 'a' };
    assert.equal(admits(manifests, port, { team: 'a' }, inSandboxes), false, `${port}, without its labels`);
  }
}

function fails(set: readonly string[], why: RegExp, kubeVersion = '1.34.0') {
  return assert.rejects(render({ set, kubeVersion }), why);
}

describe('the chart as it comes', { skip }, () => {
  for (const mode of ['shared', 'managed']) {
    test(`asks callers for a certificate (${mode})`, async () => {
      const manifests = await render({ set: [`sandboxes.workspaceMode=${mode}`] });
      const toml = gatewayToml(manifests);
      assert.match(toml, /client_ca_path = "\/etc\/openshell\/tls\/ca\.crt"/);
      assert.doesNotMatch(toml, /disable_tls|allow_unauthenticated/);
      assert.match(JSON.stringify(theOne(manifests, 'Service')), /"appProtocol":"https"/);
      refuses(manifests);
    });
  }

  test('makes a CA, the certificate of the Service and one of a client', async () => {
    const manifests = await render({
      name: 'gw',
      namespace: 'tools',
      set: ['tls.names={gw.example.org,192.0.2.1}'],
    });
    const [ca, server, client] = ['ca', 'tls', 'client'].map((part) =>
      theOne(manifests, 'Secret', `gw-${part}`),
    );
    assert.ok(ca && server && client);
    const authority = new X509Certificate(pem(ca, 'tls.crt'));
    assert.ok(authority.ca);
    for (const secret of [server, client]) {
      assert.equal(pem(secret, 'ca.crt'), pem(ca, 'tls.crt'));
      const certificate = new X509Certificate(pem(secret, 'tls.crt'));
      assert.ok(certificate.verify(authority.publicKey));
      assert.ok(!certificate.ca);
      assert.deepEqual(Object.keys(secret.data ?? {}).sort(), ['ca.crt', 'tls.crt', 'tls.key']);
    }
    const own = new X509Certificate(pem(server, 'tls.crt'));
    for (const name of [
      'gw.tools.svc',
      'gw.tools.svc.cluster.local',
      'gw.tools',
      'localhost',
      'gw.example.org',
    ]) {
      assert.equal(own.checkHost(name), name);
    }
    for (const address of ['127.0.0.1', '192.0.2.1']) {
      assert.equal(own.checkIP(address), address);
    }
    assert.equal(new X509Certificate(pem(client, 'tls.crt')).subject, 'CN=admin');
    assert.equal(
      new X509Certificate(pem(client, 'tls.crt')).checkHost('admin', { subject: 'never' }),
      undefined,
    );
    // The key of the CA is for whoever administers: no Pod mounts it.
    const gateway = JSON.stringify(theOne(manifests, 'StatefulSet'));
    assert.match(gateway, /"secretName":"gw-tls"/);
    assert.doesNotMatch(gateway, /gw-ca|gw-client/);
  });

  test('has a restricted namespace for sandboxes, and rights nowhere else', async () => {
    const manifests = await render();
    const { metadata } = theOne(manifests, 'Namespace');
    assert.equal(metadata.name, 'openshell-sandboxes');
    assert.equal(metadata.labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
    assert.equal(metadata.annotations?.['helm.sh/resource-policy'], 'keep');
    assert.match(gatewayToml(manifests), /\n *namespace = "openshell-sandboxes"\n/);
    assert.equal(theOne(manifests, 'Role').metadata.namespace, 'openshell-sandboxes');
    assert.equal(theOne(manifests, 'RoleBinding').metadata.namespace, 'openshell-sandboxes');
    assert.deepEqual(ofKind(manifests, 'ClusterRole'), []);
  });

  test('admits whoever is no sandbox to the API and to metrics, and no Pod to health', async () => {
    const manifests = await render();
    assert.deepEqual(
      PORTS.map((port) => admits(manifests, port, { app: 'client' }, { team: 'a' })),
      [true, false, true],
    );
  });

  test("takes the driver's own list of what is no internet", async () => {
    const values = load(await readFile(`${ROOT}deploy/helm/openshell/values.yaml`, 'utf8')) as {
      sandboxes: { egressExcept: string[] };
    };
    assert.deepEqual(values.sandboxes.egressExcept, defaults().sandbox_egress_except);
  });

  test('is what deploy/kubernetes holds', async () => {
    const env = { ...process.env, OPENSHELL_BUILD_TOOLS: 'no' };
    await promisify(execFile)(`${ROOT}deploy/render`, ['--check'], { env, timeout: 60_000 });
  });
});

describe('the chart', { skip }, () => {
  test('takes certificates of a given secret, and then makes none', async () => {
    const manifests = await render({ set: ['tls.secretName=mine'] });
    assert.deepEqual(ofKind(manifests, 'Secret'), []);
    assert.match(JSON.stringify(theOne(manifests, 'StatefulSet')), /"secretName":"mine"/);
    assert.match(gatewayToml(manifests), /client_ca_path/);
    assert.doesNotMatch(gatewayToml(manifests), /disable_tls|allow_unauthenticated/);
  });

  test('renders without authentication only when auth.allowUnauthenticated says so', async () => {
    for (const key of ['tls.enabled', 'tls.clientCertificates']) {
      for (const more of [[], ['tls.secretName=mine']]) {
        await fails(
          [`${key}=false`, ...more],
          new RegExp(`${key}=false lets everyone.*set auth.allowUnauthenticated`),
        );
      }
    }
    await fails(['auth.allowUnauthenticated=true'], /does nothing while callers need a certificate/);

    const open = 'auth.allowUnauthenticated=true';
    const plain = await render({ set: [open, 'tls.enabled=false'] });
    assert.match(gatewayToml(plain), /disable_tls = true[\s\S]*allow_unauthenticated_users = true/);
    assert.deepEqual(ofKind(plain, 'Secret'), []);
    const server = await render({ set: [open, 'tls.clientCertificates=false'] });
    assert.match(gatewayToml(server), /cert_path[\s\S]*allow_unauthenticated_users = true/);
    assert.doesNotMatch(gatewayToml(server), /client_ca_path|disable_tls/);
    refuses(plain);
  });

  test('refuses sandboxes whatever else networkPolicy admits', async () => {
    for (const from of [
      ['networkPolicy.from[0].namespaceSelector.matchLabels.team=a'],
      ['networkPolicy.from[0].podSelector.matchLabels.team=a'],
      [
        'networkPolicy.from[0].namespaceSelector.matchLabels.team=a',
        'networkPolicy.from[0].podSelector.matchLabels.team=a',
      ],
    ]) {
      const metrics = from.map((one) => one.replace('.from', '.metricsFrom'));
      const manifests = await render({ set: [...from, ...metrics] });
      refuses(manifests);
      const given = from.some((one) => one.includes('namespaceSelector')) ? { team: 'a' } : undefined;
      assert.ok(admits(manifests, 'grpc', { team: 'a' }, given));
      assert.ok(!admits(manifests, 'grpc', { app: 'x' }, { team: 'b' }));
    }
    refuses(await render({ set: ['sandboxes.namespace=openshell'] }));
  });

  test('admits addresses from outside with a Service that is reached from there, and none of the cluster', async () => {
    for (const type of ['NodePort', 'LoadBalancer']) {
      const manifests = await render({ set: [`service.type=${type}`] });
      refuses(manifests);
      const { spec } = theOne(manifests, 'NetworkPolicy') as unknown as { spec: { ingress: Rule[] } };
      const blocks = spec.ingress.flatMap(({ from = [] }) => from).flatMap(({ ipBlock }) => ipBlock ?? []);
      assert.deepEqual(
        blocks.map(({ cidr }) => cidr),
        ['0.0.0.0/0', '::/0'],
      );
      assert.deepEqual(
        blocks.flatMap(({ except = [] }) => except).sort(),
        [...defaults().sandbox_egress_except].sort(),
      );
    }
    assert.doesNotMatch(JSON.stringify(theOne(await render(), 'NetworkPolicy')), /ipBlock/);
  });

  test("keeps a ClusterRole to the gateway's own namespaces, or does not render", async () => {
    const set = ['sandboxes.workspaceMode=managed'];
    const manifests = await render({ set });
    const [, id] = /gateway_id = "([0-9a-f]{16})"/.exec(gatewayToml(manifests)) ?? [];
    const policy = JSON.stringify(theOne(manifests, 'ValidatingAdmissionPolicy'));
    assert.match(policy, new RegExp(`startsWith\\('openshell-${id}-'\\)`));
    assert.match(policy, /"failurePolicy":"Fail"/);
    assert.match(policy, /system:serviceaccount:openshell:openshell'/);
    assert.match(JSON.stringify(theOne(manifests, 'ValidatingAdmissionPolicyBinding')), /\["Deny"\]/);
    const another = await render({ set, name: 'other' });
    assert.ok(!gatewayToml(another).includes(id ?? ''), 'two releases have namespaces of their own');
    assert.match(gatewayToml(await render({ set: [...set, 'gatewayId=mine'] })), /gateway_id = "mine"/);
    assert.deepEqual(ofKind(manifests, 'Namespace'), []);
    await fails(set, /managed needs Kubernetes 1\.30/, '1.29.0');
    assert.doesNotMatch(gatewayToml(await render()), /gateway_id/);
  });
});
