import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { CoreV1Api, KubeConfig, NetworkingV1Api } from '@kubernetes/client-node';
import { observedState } from '../../dist/compute/conditions.js';
import { tokenKubeconfig } from '../conformance/kubernetes-account.js';
import { createKubernetesBed, testKubeconfig } from '../conformance/kubernetes-bed.js';
import { tempFolder } from '../support/folder.js';
import { listen } from '../support/listen.js';
import { run } from '../support/run.js';
import { aSandbox } from '../support/sandboxes.js';
import { eventually } from '../support/wait.js';
import { bash, gatewayToml, helm, install, type Release, ROOT, render, withoutHelm } from './chart.js';
import { testCluster } from './cluster.js';

const cluster = await testCluster('openshell-installed');
const skip = cluster.skip || (await withoutHelm());
const admin = testKubeconfig();
const PARTS = ['ca', 'tls', 'client'] as const;

/** A name and a namespace that no other run has; what is installed there goes with the test. */
async function aRelease(t: TestContext): Promise<Required<Pick<Release, 'name' | 'namespace'>>> {
  const name = `gw-${randomUUID().slice(0, 8)}`;
  const namespace = `openshell-installed-${name}`;
  await cluster.core().createNamespace({ body: { metadata: { name: namespace } } });
  t.after(async () => {
    await helm(['uninstall', name, '--namespace', namespace, '--ignore-not-found'], admin);
    for (const gone of [namespace, `${name}-sandboxes`]) {
      await cluster
        .core()
        .deleteNamespace({ name: gone })
        .catch(() => {});
    }
  });
  return { name, namespace };
}

type Data = Readonly<Record<string, string>>;

async function secrets(namespace: string, name: string): Promise<Record<(typeof PARTS)[number], Data>> {
  const read = async (part: string) =>
    (await cluster.core().readNamespacedSecret({ namespace, name: `${name}-${part}` })).data ?? {};
  const [ca, server, client] = await Promise.all(PARTS.map(read));
  return { ca: ca ?? {}, tls: server ?? {}, client: client ?? {} };
}

function decode(data: Data, file: string): string {
  return Buffer.from(data[file] ?? '', 'base64').toString();
}

/** A connection between the two as gateway and client would have it; gives the client's user. */
async function handshake(server: Data, client: Data, servername: string): Promise<string> {
  const files = (data: Data) => ({
    ca: decode(data, 'ca.crt'),
    cert: decode(data, 'tls.crt'),
    key: decode(data, 'tls.key'),
  });
  const listener = tls.createServer({ ...files(server), requestCert: true, rejectUnauthorized: true });
  const port = await listen(listener);
  try {
    const accepted = once(listener, 'secureConnection') as Promise<[tls.TLSSocket]>;
    const refused = once(listener, 'tlsClientError').then(([error]) => Promise.reject(error));
    const socket = tls.connect({ host: '127.0.0.1', port, servername, ...files(client) });
    socket.on('error', () => {});
    const failed = once(socket, 'error').then(([error]) => Promise.reject(error));
    for (const promise of [refused, failed, accepted]) {
      promise.catch(() => {});
    }
    const [peer] = await Promise.race([accepted, refused, failed]);
    const user = peer.getPeerCertificate().subject.CN;
    peer.destroy();
    socket.destroy();
    return String(user);
  } finally {
    listener.close();
  }
}

function check(title: string, body: (t: TestContext) => Promise<void>) {
  return test(title, { timeout: 120_000 }, body);
}

describe('an installed chart', { skip, concurrency: false }, () => {
  check(
    'keeps its certificates over upgrades, renews what is due, and its CA when that is gone',
    async (t) => {
      const release = await aRelease(t);
      const { name, namespace } = release;
      await install(release, admin);
      const first = await secrets(namespace, name);
      assert.equal(await handshake(first.tls, first.client, `${name}.${namespace}.svc`), 'admin');

      await install(release, admin);
      assert.deepEqual(await secrets(namespace, name), first);

      await bash(
        `kubectl -n ${namespace} annotate --overwrite secret ${name}-tls openshell.ai/renew-after=1`,
      );
      await install(release, admin);
      const renewed = await secrets(namespace, name);
      assert.deepEqual([renewed.ca, renewed.client], [first.ca, first.client]);
      assert.notEqual(renewed.tls['tls.crt'], first.tls['tls.crt']);
      await handshake(renewed.tls, first.client, 'localhost');

      const named = { ...release, set: ['tls.names={gw.example.org}'] };
      await install(named, admin);
      const more = await secrets(namespace, name);
      await handshake(more.tls, first.client, 'gw.example.org');
      assert.deepEqual(more.client, first.client);

      await cluster.core().deleteNamespacedSecret({ namespace, name: `${name}-ca` });
      await install(named, admin);
      const last = await secrets(namespace, name);
      assert.equal(await handshake(last.tls, last.client, 'localhost'), 'admin');
      await assert.rejects(handshake(last.tls, first.client, 'localhost'));
      await assert.rejects(
        handshake(last.tls, { ...first.client, 'ca.crt': last.ca['tls.crt'] ?? '' }, 'localhost'),
      );
    },
  );

  check('tells how a client gets in, and the commands do what they say', async (t) => {
    const release = await aRelease(t);
    const { name, namespace } = release;
    const notes = await install(release, admin);
    const { path: folder, remove } = tempFolder();
    t.after(remove);
    const commands = /^ {2}\(umask 077\n[\s\S]*?metadata\.json"\)$/m.exec(notes)?.[0] ?? '';
    await bash(commands, { XDG_CONFIG_HOME: folder });
    const entry = join(folder, 'openshell', 'gateways', name);
    const { client } = await secrets(namespace, name);
    for (const file of ['ca.crt', 'tls.crt', 'tls.key']) {
      assert.equal(await readFile(join(entry, 'mtls', file), 'utf8'), decode(client, file));
      assert.equal((await stat(join(entry, 'mtls', file))).mode & 0o077, 0);
    }
    assert.equal(
      JSON.parse(await readFile(join(entry, 'metadata.json'), 'utf8')).gateway_endpoint,
      'https://127.0.0.1:17670',
    );
    assert.match(notes, new RegExp(`openshell --gateway ${name} status`));
    assert.doesNotMatch(notes, /WARNING/);

    const open = ['auth.allowUnauthenticated=true', 'tls.enabled=false'];
    const warned = await install({ ...release, set: open }, admin, '--dry-run=server');
    assert.match(warned, /WARNING: NO AUTHENTICATION/);
    assert.match(warned, /NO ENCRYPTION/);
  });

  check("leaves the sandboxes' namespace where it is when it goes", async (t) => {
    const release = await aRelease(t);
    const name = `${release.name}-sandboxes`;
    await install(release, admin);
    await helm(['uninstall', release.name, '--namespace', release.namespace, '--wait'], admin);
    const { metadata, status } = await cluster.core().readNamespace({ name });
    assert.deepEqual([metadata?.deletionTimestamp, status?.phase], [undefined, 'Active']);
    await install(release, admin);
  });

  check('has a sister without Helm: make-certs.sh', async (t) => {
    const { name, namespace } = await aRelease(t);
    const { path: folder, remove } = tempFolder();
    t.after(remove);
    const env = {
      NAMESPACE: namespace,
      RELEASE: name,
      NAMES: 'gw.example.org 192.0.2.1',
      XDG_CONFIG_HOME: folder,
    };
    const make = (...args: string[]) =>
      bash(`'${ROOT}deploy/kubernetes/make-certs.sh' ${args.join(' ')}`, env);
    await make();
    const first = await secrets(namespace, name);
    for (const host of [`${name}.${namespace}.svc`, 'gw.example.org']) {
      assert.equal(await handshake(first.tls, first.client, host), 'admin');
    }
    await make();
    assert.deepEqual(await secrets(namespace, name), first);
    await make('client', 'alice');
    await make('fetch', 'alice');
    const entry = join(folder, 'openshell', 'gateways', name, 'mtls');
    const [ca, cert, key] = await Promise.all(
      ['ca.crt', 'tls.crt', 'tls.key'].map(async (file) =>
        (await readFile(join(entry, file))).toString('base64'),
      ),
    );
    const alice = { 'ca.crt': ca ?? '', 'tls.crt': cert ?? '', 'tls.key': key ?? '' };
    assert.equal(await handshake(first.tls, alice, 'localhost'), 'alice');
    await cluster.core().deleteNamespacedSecret({ namespace, name: `${name}-ca` });
    await assert.rejects(make(), /was issued by a CA that no longer exists/);
    await assert.rejects(make('client', "'a b'"), /client requires a name/);
  });
});

describe('an installed chart with workspaceMode managed', { skip, concurrency: false }, () => {
  check("has an account that changes nothing outside the gateway's own namespaces", async (t) => {
    const release = { ...(await aRelease(t)), set: ['sandboxes.workspaceMode=managed'] };
    const { name, namespace } = release;
    await install(release, admin);
    const gatewayId = /gateway_id = "(.*)"/.exec(gatewayToml(await render(release)))?.[1] ?? '';
    const kubeconfig = await tokenKubeconfig(cluster.config(), namespace, name);
    const account = new KubeConfig();
    account.loadFromFile(kubeconfig);
    const core = account.makeApiClient(CoreV1Api);

    const foreign = { metadata: { name: 'bystander' }, spec: aPodSpec };
    await cluster.core().createNamespacedPod({ namespace, body: foreign });
    await eventually(
      'the bystander runs',
      async () =>
        (await cluster.core().readNamespacedPod({ namespace, name: 'bystander' })).status?.phase ===
        'Running',
      60_000,
    );
    const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
      'a Pod in kube-system': () =>
        core.createNamespacedPod({
          namespace: 'kube-system',
          body: { metadata: { name: 'intruder' }, spec: aPodSpec },
          dryRun: 'All',
        }),
      "another namespace's Pod": () =>
        core.deleteNamespacedPod({ namespace, name: 'bystander', dryRun: 'All' }),
      "a command in another namespace's Pod": () =>
        bash(`kubectl --kubeconfig '${kubeconfig}' -n ${namespace} exec bystander -- true`),
      'a claim in kube-system': () =>
        core.createNamespacedPersistentVolumeClaim({
          namespace: 'kube-system',
          body: {
            metadata: { name: 'intruder' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
          },
          dryRun: 'All',
        }),
      'a policy in kube-system': () =>
        account.makeApiClient(NetworkingV1Api).createNamespacedNetworkPolicy({
          namespace: 'kube-system',
          body: { metadata: { name: 'intruder' }, spec: { podSelector: {} } },
          dryRun: 'All',
        }),
      'the end of another namespace': () => core.deleteNamespace({ name: namespace, dryRun: 'All' }),
      'a namespace of another name': () =>
        core.createNamespace({
          body: { metadata: { name: 'openshell-intruder', labels: RESTRICTED } },
          dryRun: 'All',
        }),
      'a namespace of no name': () =>
        core.createNamespace({
          body: { metadata: { generateName: 'openshell-intruder-', labels: RESTRICTED } },
          dryRun: 'All',
        }),
      'a namespace in which a Pod may be root of its node': () =>
        core.createNamespace({ body: { metadata: { name: `openshell-${gatewayId}-x` } }, dryRun: 'All' }),
    };
    // An API server reads a new policy a moment after it stands.
    for (const [what, attempt] of Object.entries(attempts)) {
      await eventually(`refused: ${what}`, async () => refusedByPolicy(await outcome(attempt)), 20_000);
    }

    // And it does all that the driver asks of it.
    const bed = createKubernetesBed({
      name: 'kubernetes',
      namespace: cluster.namespace,
      kubeconfig: admin,
      settings: { workspace_mode: 'managed' },
      driverKubeconfig: async () => kubeconfig,
    });
    const driver = await bed.createDriver(gatewayId);
    const { signal } = t;
    t.after(async () => {
      await driver.close();
      for (const name of [`openshell-${gatewayId}-default`, cluster.namespace]) {
        await cluster
          .core()
          .deleteNamespace({ name })
          .catch(() => {});
      }
    });
    await driver.ensureWorkspace?.('default', { signal });
    const box = aSandbox(bed.images.shell);
    await driver.create(box, { signal });
    await eventually('it runs', async () => {
      const seen = await driver.get(box, { signal });
      return seen !== undefined && observedState(seen.status).kind === 'running';
    });
    assert.equal((await run(driver, box, ['echo', 'a'])).stdout, 'a\n');
    const policies = await cluster
      .config()
      .makeApiClient(NetworkingV1Api)
      .listNamespacedNetworkPolicy({ namespace: `openshell-${gatewayId}-default` });
    const types = policies.items.map(({ spec }) => spec?.policyTypes?.[0]);
    assert.deepEqual(types, ['Ingress', 'Egress']);

    // Somebody opens what the policies close: the next look at the cluster puts that right.
    const networking = cluster.config().makeApiClient(NetworkingV1Api);
    const [ingress, egress] = policies.items.map(({ metadata }) => metadata?.name ?? '');
    const at = { namespace: `openshell-${gatewayId}-default` };
    await networking.deleteNamespacedNetworkPolicy({ ...at, name: ingress ?? '' });
    const opened = await networking.readNamespacedNetworkPolicy({ ...at, name: egress ?? '' });
    assert.ok(opened.spec);
    opened.spec.egress = [{}];
    await networking.replaceNamespacedNetworkPolicy({ ...at, name: egress ?? '', body: opened });
    await driver.list({ signal });
    const again = await networking.listNamespacedNetworkPolicy(at);
    assert.deepEqual(
      again.items.map(({ spec }) => spec),
      policies.items.map(({ spec }) => spec),
    );
    assert.equal(await driver.delete(box, { signal }), true);
    await driver.deleteWorkspace?.('default', { signal });
  });
});

const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' };
const aPodSpec = {
  terminationGracePeriodSeconds: 0,
  containers: [
    { name: 'main', image: 'openshell.test/shell:1', imagePullPolicy: 'Never', command: ['sleep', '600'] },
  ],
};

function outcome(attempt: () => Promise<unknown>): Promise<string> {
  return attempt().then(
    () => 'done',
    (error) => String((error as { body?: unknown }).body ?? error),
  );
}

function refusedByPolicy(text: string): boolean {
  return /ValidatingAdmissionPolicy|denied request/.test(text);
}
