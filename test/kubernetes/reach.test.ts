import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { NetworkingV1Api } from '@kubernetes/client-node';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import type { ClientTls, RpcClient } from '../../dist/rpc/client/contract.js';
import type { MethodShape } from '../../dist/wire/method-shape.js';
import { rpcs as oldRpcs } from '../../dist/wire/v00/index.js';
import { rpcs, SandboxPhase, methods as v01 } from '../../dist/wire/v01/index.js';
import { createAccount, manifestRules } from '../conformance/kubernetes-account.js';
import { TEST_STORAGE_CLASS } from '../conformance/kubernetes-bed.js';
import { tempFolder } from '../support/folder.js';
import { listen } from '../support/listen.js';
import { eventually } from '../support/wait.js';
import { type GatewayProcess, startGatewayProcess } from '../system/process.js';
import { bash, gatewayToml, pem, render, theOne, withoutHelm } from './chart.js';
import { testCluster } from './cluster.js';

const cluster = await testCluster(`openshell-reach-${randomUUID().slice(0, 8)}`);
const { namespace } = cluster;
const skip = cluster.skip || (await withoutHelm());

const IN_DEFAULT = {
  workspaceScope: { selection: { case: 'workspace' as const, value: 'default' } },
};
const BOX = { sandbox: 'box', ...IN_DEFAULT };
const API_SERVER_PORT = 6443;
const KUBELET_PORT = 10_250;

/** Set where test/engines/kubernetes/network-policies was called: a network that enforces none is a failure then. */
const MUST_ENFORCE = process.env.OPENSHELL_REQUIRE_NETWORK_POLICIES === '1';
/** What a network that enforces NetworkPolicies needs at most to put a new one in force. */
const ENFORCED_WITHIN_MS = 5_000;

/**
 * The gateway runs on the cluster's node, with the configuration and the certificates that the chart renders without
 * values, and its sandbox in a Pod: every connection below begins there.
 */
describe('a sandbox', { skip, concurrency: false }, () => {
  const { path: folder, remove } = tempFolder();
  let node = '';
  let gateway: GatewayProcess;
  let client: RpcClient;
  let enforced = false;
  const tunnels: net.Server[] = [];
  const sockets = new Set<net.Socket>();

  const file = (name: string): Promise<Buffer> => readFile(join(folder, name));
  const certified = async (of: 'client' | 'stranger'): Promise<ClientTls> => ({
    ca: await file('client-ca.crt'),
    key: await file(`${of}-tls.key`),
    cert: await file(`${of}-tls.crt`),
  });

  before(
    async () => {
      const [first] = (await cluster.core().listNode()).items;
      node = first?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
      const manifests = await render({ set: [`tls.names={${node}}`] });
      // Another release: its CA is one that this gateway does not know.
      const stranger = theOne(await render(), 'Secret', 'openshell-client');
      for (const [name, secret] of [
        ['tls', theOne(manifests, 'Secret', 'openshell-tls')],
        ['client', theOne(manifests, 'Secret', 'openshell-client')],
        ['stranger', stranger],
      ] as const) {
        for (const part of ['ca.crt', 'tls.crt', 'tls.key']) {
          await writeFile(join(folder, `${name}-${part}`), pem(secret, part), { mode: 0o600 });
        }
      }

      const kubeconfig = await createAccount({
        config: cluster.config(),
        namespace,
        name: 'gateway',
        rules: await manifestRules('shared'),
      });
      const config = gatewayToml(manifests)
        .replaceAll('/etc/openshell/tls/', join(folder, 'tls-'))
        .replace('"0.0.0.0:17670"', `"${node}:0"`)
        .replace(/^.*(health|metrics)_bind_address.*\n/gm, '')
        .replace('"openshell-sandboxes"', `"${namespace}"\nkubeconfig = "${kubeconfig}"`)
        .replace(
          'default_image = ""',
          'default_image = "openshell.test/shell:1"\nimage_pull_policy = "Never"',
        )
        .replace('storage_class = ""', `storage_class = "${TEST_STORAGE_CLASS}"`);
      gateway = await startGatewayProcess({ folder, config });
      client = createRpcClient(gateway.address, { tls: await certified('client') });
      await client.unary(v01.createSandbox, { name: 'box', spec: {}, ...IN_DEFAULT });
      await eventually(
        'the sandbox is ready',
        async () => {
          const { sandbox } = await client.unary(v01.getSandbox, { name: 'box', ...IN_DEFAULT });
          return sandbox?.status?.phase === SandboxPhase.READY;
        },
        60_000,
      );
      enforced = await enforcesPolicies();
      assert.ok(enforced || !MUST_ENFORCE, 'this network enforces no NetworkPolicy');
    },
    { timeout: 180_000 },
  );

  after(async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    for (const tunnel of tunnels) {
      tunnel.close();
    }
    client?.close();
    await gateway?.stop();
    await cluster
      .core()
      .deleteNamespace({ name: namespace })
      .catch(() => {});
    remove();
  });

  const networking = () => cluster.config().makeApiClient(NetworkingV1Api);

  /** A Pod of the tests' image, ready; gives its address. */
  const aPod = async (
    name: string,
    labels: Record<string, string>,
    script = 'sleep 600',
    given: { namespace?: string; ports?: Record<string, number> } = {},
  ): Promise<string> => {
    const at = given.namespace ?? namespace;
    const ports = Object.entries(given.ports ?? {});
    const container = {
      name: 'main',
      image: 'openshell.test/shell:1',
      imagePullPolicy: 'Never',
      command: ['sh', '-c', script],
      ports: ports.map(([port, containerPort]) => ({ name: port, containerPort })),
    };
    await cluster.core().createNamespacedPod({
      namespace: at,
      body: {
        metadata: { name, labels },
        spec: { terminationGracePeriodSeconds: 0, containers: [container] },
      },
    });
    await bash(`kubectl -n ${at} wait --for=condition=Ready pod/${name} --timeout=60s`);
    const { status: seen } = await cluster.core().readNamespacedPod({ namespace: at, name });
    return seen?.podIP ?? '';
  };

  /** Whether one of those Pods may open a connection. */
  const podConnects = (pod: string, host: string, port: number): Promise<boolean> =>
    bash(`kubectl -n ${namespace} exec ${pod} -- nc -w 2 ${host} ${port} -e true`).then(
      () => true,
      () => false,
    );

  /** Asked of a Pod that has nothing to do with us, and a policy that lets it nowhere. */
  const enforcesPolicies = async (): Promise<boolean> => {
    const labels = { app: 'prober' };
    await aPod('prober', labels);
    assert.ok(await podConnects('prober', node, API_SERVER_PORT), 'without a policy it gets there');
    const spec = { podSelector: { matchLabels: labels }, policyTypes: ['Egress'] };
    const body = { metadata: { name: 'prober' }, spec };
    await networking().createNamespacedNetworkPolicy({ namespace, body });
    const until = performance.now() + ENFORCED_WITHIN_MS;
    while (performance.now() < until) {
      if (!(await podConnects('prober', node, API_SERVER_PORT))) {
        return true;
      }
    }
    return false;
  };

  /** Whether the sandbox may open a connection. */
  const connects = async (host: string, port: number): Promise<boolean> => {
    const command = ['nc', '-w', '2', host, `${port}`, '-e', 'true'];
    for await (const { payload } of client.serverStream(v01.execSandbox, { ...BOX, command })) {
      if (payload.case === 'exit') {
        return payload.value.exitCode === 0;
      }
    }
    throw new Error('no exit');
  };

  const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

  /** A port of this host, each connection to which the sandbox makes to the gateway, with its own network. */
  const openTunnel = async (): Promise<string> => {
    const server = net.createServer((socket) => {
      sockets.add(socket);
      const call = client.duplex(v01.execSandboxInteractive);
      const outwards = async () => {
        const command = ['nc', node, `${portOf(gateway.address)}`];
        await call.send({ payload: { case: 'start', value: { ...BOX, command } } });
        for await (const value of socket) {
          await call.send({ payload: { case: 'stdin', value } });
        }
      };
      const inwards = async () => {
        for await (const { payload } of call.responses) {
          if (payload.case === 'stdout') {
            socket.write(payload.value.data);
          }
        }
      };
      const end = () => {
        call.cancel();
        socket.destroy();
      };
      Promise.race([outwards(), inwards()]).then(end, end);
    });
    tunnels.push(server);
    return `127.0.0.1:${await listen(server)}`;
  };

  /** The status that each method answers an empty request with. */
  const callAll = async (address: string, as: ClientTls | undefined): Promise<Map<string, number>> => {
    const { ca, key = null, cert = null } = as ?? {};
    const caller = new Client(
      address,
      ca === undefined ? credentials.createInsecure() : credentials.createSsl(ca, key, cert),
    );
    const bytes = (value: Buffer) => value;
    const call = ({ path }: MethodShape) =>
      new Promise<[string, number]>((resolve) => {
        const deadline = Date.now() + 30_000;
        const stream = caller.makeBidiStreamRequest(path, bytes, bytes, new Metadata(), { deadline });
        stream.on('status', ({ code }) => resolve([path, code]));
        stream.on('error', () => {});
        stream.resume();
        stream.end(Buffer.alloc(0));
      });
    try {
      return new Map(await Promise.all(rpcs.map(call)));
    } finally {
      caller.close();
    }
  };

  const NOT_ENFORCED = 'this network enforces no NetworkPolicy: a Pod that none lets out gets out';

  test('is let out to DNS, and nowhere else in the cluster', async (t) => {
    if (!enforced) {
      return t.skip(NOT_ENFORCED);
    }
    for (const [host, port] of [
      [node, portOf(gateway.address)],
      [node, API_SERVER_PORT],
      [node, KUBELET_PORT],
      ['10.96.0.1', 443],
    ] as const) {
      assert.equal(await connects(host, port), false, `${host}:${port}`);
    }
    const name = namespace;
    const script = 'nc -ll -p 54 -e true & exec nc -ll -p 53 -e true';
    t.after(() =>
      cluster.core().deleteNamespacedPod({ namespace: 'kube-system', name, gracePeriodSeconds: 0 }),
    );
    const dns = await aPod(name, { app: 'dns' }, script, { namespace: 'kube-system' });
    await eventually('the resolver listens', () => connects(dns, 53));
    assert.equal(await connects(dns, 54), false);
  });

  test('is let in nowhere at the gateway, where others are', async (t) => {
    if (!enforced) {
      return t.skip(NOT_ENFORCED);
    }
    const ports = { grpc: 1, health: 2, metrics: 3 };
    const policy = theOne(await render({ namespace }), 'NetworkPolicy');
    // Not by the client library, which calls a rule's `from` by another name.
    await bash(`kubectl create -f - <<< '${JSON.stringify(policy)}'`);
    const script = 'nc -ll -p 1 -e true & nc -ll -p 2 -e true & exec nc -ll -p 3 -e true';
    const { podSelector } = policy.spec as { podSelector: { matchLabels: Record<string, string> } };
    const address = await aPod('stand-in', podSelector.matchLabels, script, { ports });
    await aPod('visitor', { app: 'visitor' });
    await aPod('stranger', { 'openshell.ai/gateway-id': 'another-gateway' });
    await eventually('a visitor gets to the API', () => podConnects('visitor', address, ports.grpc));
    await eventually('a visitor gets to metrics', () => podConnects('visitor', address, ports.metrics));
    assert.equal(await podConnects('visitor', address, ports.health), false);
    for (const [port, number] of Object.entries(ports)) {
      await eventually(
        `another's sandbox does not get to ${port}`,
        async () => !(await podConnects('stranger', address, number)),
      );
      assert.equal(await connects(address, number), false, `our sandbox: ${port}`);
    }
  });

  test('that reaches the API is refused every method of both generations', async (t) => {
    if (enforced) {
      return t.skip('it does not get there');
    }
    assert.ok(await connects(node, portOf(gateway.address)));
    assert.ok(oldRpcs.every((old) => rpcs.some(({ path }) => path === old.path)));
    for (const [who, as] of [
      ['in plain text', undefined],
      ['without a certificate', { ca: await file('client-ca.crt') }],
      ["with a stranger's certificate", await certified('stranger')],
    ] as const) {
      const answers = await callAll(await openTunnel(), as);
      assert.equal(answers.size, rpcs.length);
      const other = [...answers].filter(([, code]) => code !== status.UNAVAILABLE);
      assert.deepEqual(other, [], `${who}: only the connection itself is answered`);
    }
  });

  test("that has the client's certificate is let in: what stands in between is the certificate alone", async (t) => {
    if (enforced) {
      return t.skip('it does not get there');
    }
    const inside = createRpcClient(await openTunnel(), { tls: await certified('client') });
    t.after(() => inside.close());
    const { sandboxes } = await inside.unary(v01.listSandboxes, IN_DEFAULT);
    assert.deepEqual(
      sandboxes.map(({ metadata }) => metadata?.name),
      ['box'],
    );
  });
});
