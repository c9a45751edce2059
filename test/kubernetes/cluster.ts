import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import type { Bed } from '../conformance/bed.js';
import { createAccount, manifestRules } from '../conformance/kubernetes-account.js';
import { claimCluster, createKubernetesBed, testKubeconfig } from '../conformance/kubernetes-bed.js';
import { skipWithout } from '../support/engines.js';

/** The cluster of test/engines/kubernetes for the tests that only this driver needs. */
export interface TestCluster {
  readonly bed: Bed;
  readonly namespace: string;
  /** Of the tests of the cluster: false, or why there is none. */
  readonly skip: string | false;
  config(): KubeConfig;
  core(): CoreV1Api;
  /** Ends components and starts them again: test/engines/kubernetes/restart. */
  restart(...components: string[]): Promise<void>;
}

export async function testCluster(namespace: string): Promise<TestCluster> {
  const config = () => {
    const loaded = new KubeConfig();
    loaded.loadFromFile(testKubeconfig());
    return loaded;
  };
  const bed = createKubernetesBed({
    name: 'kubernetes',
    namespace,
    kubeconfig: testKubeconfig(),
    driverKubeconfig: async () =>
      createAccount({ config: config(), namespace, name: 'gateway', rules: await manifestRules('shared') }),
  });
  // Before the cluster is looked for: another file's test may have ended its API server for a moment.
  await claimCluster();
  const skip = skipWithout('kubernetes', await bed.unavailable());
  return {
    bed,
    namespace,
    skip,
    config,
    core: () => config().makeApiClient(CoreV1Api),
    async restart(...components) {
      const script = fileURLToPath(new URL('../../test/engines/kubernetes/restart', import.meta.url));
      await promisify(execFile)(script, components, { timeout: 120_000 });
    },
  };
}
