import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import {
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  type KubernetesObject,
  NetworkingV1Api,
} from '@kubernetes/client-node';
import entry from '../../dist/drivers/kubernetes/entry.js';
import { driverContext, tableOf } from '../support/driver-context.js';
import { eventually } from '../support/wait.js';
import type { Bed, EngineObject, ForeignObject } from './bed.js';

/** The class of the volumes that test/engines/kubernetes offers. */
export const TEST_STORAGE_CLASS = 'openshell-test';
const GATEWAY_LABEL = 'openshell.ai/gateway-id';

export interface KubernetesBedOptions {
  /** As OPENSHELL_REQUIRE_ENGINES calls it. */
  readonly name: string;
  /** The administrator's, for the raw view. */
  readonly kubeconfig: string;
  /** The driver's. Called once, when the cluster is known to be there. */
  readonly driverKubeconfig: () => Promise<string>;
  readonly namespace: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Sandboxes are `agents.x-k8s.io` Sandboxes. */
  readonly agentSandbox?: boolean;
}

/** Where test/engines/kubernetes/up leaves the administrator's kubeconfig. */
export function testKubeconfig(): string {
  return (
    process.env.OPENSHELL_TEST_KUBECONFIG ??
    `${process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test'}/kubernetes/pki/admin.conf`
  );
}

/** Bound by whoever uses the cluster: some tests end its API server. Unlike a file, a port is free when its holder dies. */
const CLUSTER_LOCK_PORT = 16_443;

/** Waits until no other test file uses the cluster. Held until this process ends. */
export async function claimCluster(): Promise<void> {
  await eventually(
    'the test cluster is free',
    () =>
      new Promise<boolean>((resolve) => {
        const lock = createServer().unref();
        lock.once('error', () => resolve(false));
        lock.listen(CLUSTER_LOCK_PORT, '127.0.0.1', () => resolve(true));
      }),
    30 * 60_000,
  );
}

/** The cluster of test/engines/kubernetes, seen raw through the client library. */
export function createKubernetesBed(options: KubernetesBedOptions): Bed {
  const { namespace } = options;
  const config = new KubeConfig();
  let driverKubeconfig: Promise<string> | undefined;
  const core = () => {
    if (config.clusters === undefined || config.clusters.length === 0) {
      config.loadFromFile(options.kubeconfig);
    }
    return config.makeApiClient(CoreV1Api);
  };

  const ensureNamespace = async () => {
    await core()
      .createNamespace({ body: { metadata: { name: namespace } } })
      .catch(ignore(409));
  };

  const selector = (gatewayId: string) => ({ labelSelector: `${GATEWAY_LABEL}=${gatewayId}` });

  const AGENTS = { group: 'agents.x-k8s.io', version: 'v1alpha1', plural: 'sandboxes' };
  const agentSandboxes = async (gatewayId: string): Promise<KubernetesObject[]> => {
    const listed = await config
      .makeApiClient(CustomObjectsApi)
      .listNamespacedCustomObject({ ...AGENTS, namespace, ...selector(gatewayId) });
    return (listed as { items: KubernetesObject[] }).items;
  };

  const objects = async (gatewayId: string): Promise<EngineObject[]> => {
    const [pods, claims] = await Promise.all([
      core().listPodForAllNamespaces(selector(gatewayId)),
      core().listPersistentVolumeClaimForAllNamespaces(selector(gatewayId)),
    ]);
    const sandboxes = options.agentSandbox ? await agentSandboxes(gatewayId) : [];
    return [...pods.items, ...claims.items, ...sandboxes].map(({ metadata }) => ({
      name: metadata?.name ?? '',
      labels: metadata?.labels ?? {},
    }));
  };

  return {
    name: options.name,
    // A kubelet that finds a claim before its own right to read it is known tries again after 10 s and more.
    patienceMs: 60_000,
    async unavailable() {
      try {
        await access(options.kubeconfig);
        await core().getAPIResources();
        return undefined;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return `no test cluster: run test/engines/kubernetes/up (${why})`;
      }
    },

    async createDriver(gatewayId, settings = {}) {
      await ensureNamespace();
      const { createDriver } = await entry.load();
      driverKubeconfig ??= options.driverKubeconfig();
      const kubeconfig = await driverKubeconfig;
      const table = tableOf(entry.settings, {
        kubeconfig,
        namespace,
        workspace_storage_class: TEST_STORAGE_CLASS,
        image_pull_policy: 'Never',
        stop_timeout_secs: 2,
        allowed_labels: ['team', 'example.com/*'],
        ...(options.agentSandbox && { sandbox_api: 'agents.x-k8s.io/v1alpha1' }),
        ...options.settings,
        ...settings,
      });
      return createDriver(driverContext({ gatewayId, settings: table }));
    },

    images: {
      shell: 'openshell.test/shell:1',
      nonRoot: 'openshell.test/shell:1',
      noShell: 'openshell.test/noshell:1',
      open: 'openshell.test/open:1',
    },

    lacks: {
      rootImage: 'restricted Pod security: no sandbox runs as root, whatever its image says',
      logStreams: 'Kubernetes keeps both streams of a container in one log',
      pidsLimit: "the kubelet's podPidsLimit holds for every Pod; a driver cannot set it",
      endsWithoutShell: 'a Pod tells nobody outside which processes it has',
      isolatedNetwork: "the test cluster's network enforces no NetworkPolicy",
      diskLimit: "the test cluster's volumes are folders of the node",
    },

    readOnlyRootConfig: { containers: { agent: { read_only_root_filesystem: true } } },

    objects,

    async createForeign(): Promise<ForeignObject> {
      await ensureNamespace();
      const name = `foreign-${randomUUID().slice(0, 8)}`;
      await core().createNamespacedPod({
        namespace,
        body: {
          metadata: {
            name,
            labels: { 'openshell.ai/managed-by': 'openshell', [GATEWAY_LABEL]: 'someone-else' },
          },
          spec: {
            terminationGracePeriodSeconds: 0,
            containers: [
              {
                name: 'agent',
                image: 'openshell.test/shell:1',
                imagePullPolicy: 'Never',
                command: ['sleep', '600'],
              },
            ],
          },
        },
      });
      return {
        async exists() {
          const pod = await core().readNamespacedPod({ namespace, name }).catch(ignore(404));
          return pod !== undefined && pod.metadata?.deletionTimestamp === undefined;
        },
        async remove() {
          await core().deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 }).catch(ignore(404));
        },
      };
    },

    async cleanup(gatewayId) {
      const all = { namespace, ...selector(gatewayId) };
      if (options.agentSandbox) {
        await config
          .makeApiClient(CustomObjectsApi)
          .deleteCollectionNamespacedCustomObject({ ...AGENTS, ...all });
      }
      await core().deleteCollectionNamespacedPod({ ...all, gracePeriodSeconds: 0 });
      await core().deleteCollectionNamespacedPersistentVolumeClaim(all);
      await config.makeApiClient(NetworkingV1Api).deleteCollectionNamespacedNetworkPolicy(all);
      await eventually('nothing of the gateway is left', async () => (await objects(gatewayId)).length === 0);
    },
  };
}

function ignore(code: number) {
  return (error: unknown): undefined => {
    if ((error as { code?: number }).code !== code) {
      throw error;
    }
  };
}
