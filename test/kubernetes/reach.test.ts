import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type ChannelCredentials, Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { NetworkingV1Api } from '@kubernetes/client-node';
import { createWireClient, type WireClient } from '../../dist/wire/client.js';
import type { MethodShape } from '../../dist/wire/method-shape.js';
import { rpcs as oldRpcs } from '../../dist/wire/v00/index.js';
import { rpcs, SandboxPhase, methods as v01 } from '../../dist/wire/v01/index.js';
import { eventually } from '../conformance/eventually.js';
import { createAccount, manifestRules } from '../conformance/kubernetes-account.js';
import { TEST_STORAGE_CLASS } from '../conformance/kubernetes-bed.js';
import { type GatewayProcess, startGatewayProcess } from '../system/process.js';
import { bash, gatewayToml, helmMissing, pem, render, theOne } from './chart.js';
import { testCluster } from './cluster.js';

const cluster = await testCluster(`openshell-reach-${randomUUID().slice(0, 8)}`);
const { namespace } = cluster;
const skip = cluster.skip ?? (await helmMissing()) ?? false;

const IN_DEFAULT = {
  workspaceScope: { selection: { case: 'workspace' as const, value: 'default' } },
};
const BOX = { sandbox: 'box', ...IN_DEFAULT };
const API_SERVER_PORT = '6443';

/** What a network that enforces NetworkPolicies needs at most to put a new one in force. */
const ENFORCED_WITHIN_MS = 5_000;

/**
 * The gateway runs on the cluster's node, with the configuration and the certificates that the chart renders without
 * values, and its sandbox in a Pod: every connection below begins there.
 */
describe('a sandbox', { skip, concurrency: false }, () => {
  let folder = '';
  let node = '';
  let gateway: GatewayProcess;
  let client: WireClient;
  let enforced = false;
  const tunnels: net.Server[] = [];
  const sockets = new Set<net.Socket>();

  const file = (name: string): Promise<Buffer> => readFile(join(folder, name));
  const certified = async (of: 'client' | 'stranger'): Promise<ChannelCredentials> =>
    credentials.createSsl(
      await file('client-ca.crt'),
      await file(`${of}-tls.key`),
      await file(`${of}-tls.crt`),
    );

  before(
    async () => {
      folder = await mkdtemp(join(tmpdir(), 'openshell-reach-'));
      const [first] = (await cluster.core().listNode()).items;
      node = first?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
      const manifests = await render({ set: [`tls.names={${node}}`] });
      // Another release: its CA is one that this gateway does not know.
      const stranger = theOne(await render(), 'Secret', 'openshell-client');
      for (const [name, secret] of [
        ['tls', theOne(manifests, 'Secret', 'openshell-tls')],
        ['client', theOne(manifests, 'Secret', 'openshell-client')],
        ['stranger', stranger],
      ] as const)
        for (const part of ['ca.crt', 'tls.crt', 'tls.key'])
          await writeFile(join(folder, `${name}-${part}`), pem(secret, part), { mode: 0o600 });

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
      client = createWireClient(gateway.address, await certified('client'));
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
    },
    { timeout: 180_000 },
  );

  after(async () => {
    for (const socket of sockets) socket.destroy();
    for (const tunnel of tunnels) tunnel.close();
    client?.close();
    await gateway?.stop();
    await cluster
      .core()
      .deleteNamespace({ name: namespace })
      .catch(() => {});
    await rm(folder, { recursive: true, force: true });
  });

  /** Asked of a Pod that has nothing to do with us, and a policy that lets it nowhere. */
  const enforcesPolicies = async (): Promise<boolean> => {
    const labels = { app: 'prober' };
    const container = { name: 'main', image: 'openshell.test/shell:1', imagePullPolicy: 'Never' };
    await cluster.core().createNamespacedPod({
      namespace,
      body: {
        metadata: { name: 'prober', labels },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ ...container, command: ['sleep', '600'] }],
        },
      },
    });
    await bash(`kubectl -n ${namespace} wait --for=condition=Ready pod/prober --timeout=60s`);
    const reaches = () =>
      bash(`kubectl -n ${namespace} exec prober -- nc -w 2 ${node} ${API_SERVER_PORT} -e true`).then(
        () => true,
        () => false,
      );
    assert.ok(await reaches(), 'without a policy a Pod reaches the API server');
    await cluster
      .config()
      .makeApiClient(NetworkingV1Api)
      .createNamespacedNetworkPolicy({
        namespace,
        body: {
          metadata: { name: 'prober' },
          spec: { podSelector: { matchLabels: labels }, policyTypes: ['Egress'] },
        },
      });
    const until = performance.now() + ENFORCED_WITHIN_MS;
    while (performance.now() < until) if (!(await reaches())) return true;
    return false;
  };

  /** Whether the sandbox may open a connection. */
  const connects = async (host: string, port: string): Promise<boolean> => {
    const command = ['nc', '-w', '2', host, port, '-e', 'true'];
    for await (const { payload } of client.serverStream(v01.execSandbox, { ...BOX, command }))
      if (payload.case === 'exit') return payload.value.exitCode === 0;
    throw new Error('no exit');
  };

  const portOf = (address: string): string => address.slice(address.lastIndexOf(':') + 1);

  /** A port of this host, each connection to which the sandbox makes to the gateway, with its own network. */
  const openTunnel = async (): Promise<string> => {
    const server = net.createServer((socket) => {
      sockets.add(socket);
      const call = client.duplex(v01.execSandboxInteractive);
      const outwards = async () => {
        const command = ['nc', node, portOf(gateway.address)];
        await call.send({ payload: { case: 'start', value: { ...BOX, command } } });
        for await (const value of socket) await call.send({ payload: { case: 'stdin', value } });
      };
      const inwards = async () => {
        for await (const { payload } of call.responses)
          if (payload.case === 'stdout') socket.write(payload.value.data);
      };
      const end = () => {
        call.cancel();
        socket.destroy();
      };
      Promise.race([outwards(), inwards()]).then(end, end);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    tunnels.push(server);
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  /** The status that each method answers an empty request with. */
  const callAll = async (address: string, as: ChannelCredentials): Promise<Map<string, number>> => {
    const caller = new Client(address, as);
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

  test('is let nowhere but to the internet, where the network enforces NetworkPolicies', async (t) => {
    if (!enforced) return t.skip('this network enforces no NetworkPolicy: a Pod that none lets out gets out');
    for (const [host, port] of [
      [node, portOf(gateway.address)],
      [node, API_SERVER_PORT],
      [node, '10250'],
      ['10.96.0.1', '443'],
    ] as const)
      assert.equal(await connects(host, port), false, `${host}:${port}`);
  });

  test('that reaches the API is refused every method of both generations', async (t) => {
    if (enforced) return t.skip('it does not get there');
    assert.equal(await connects(node, portOf(gateway.address)), true);
    assert.ok(oldRpcs.every((old) => rpcs.some(({ path }) => path === old.path)));
    for (const [who, as] of [
      ['in plain text', credentials.createInsecure()],
      ['without a certificate', credentials.createSsl(await file('client-ca.crt'))],
      ["with a stranger's certificate", await certified('stranger')],
    ] as const) {
      const answers = await callAll(await openTunnel(), as);
      assert.equal(answers.size, rpcs.length);
      const other = [...answers].filter(([, code]) => code !== status.UNAVAILABLE);
      assert.deepEqual(other, [], `${who}: only the connection itself is answered`);
    }
  });

  test("that has the client's certificate is let in: what stands in between is the certificate alone", async (t) => {
    if (enforced) return t.skip('it does not get there');
    const inside = createWireClient(await openTunnel(), await certified('client'));
    t.after(() => inside.close());
    const { sandboxes } = await inside.unary(v01.listSandboxes, IN_DEFAULT);
    assert.deepEqual(
      sandboxes.map(({ metadata }) => metadata?.name),
      ['box'],
    );
  });
});
