import { KubeConfig } from '@kubernetes/client-node';
import { driverSuite } from './driver-suite.js';
import { createAccount, manifestRules } from './kubernetes-account.js';
import { claimCluster, createKubernetesBed, testKubeconfig } from './kubernetes-bed.js';

const namespace = 'openshell-conformance';

await claimCluster();

// Under the Role of the manifests and no other, so that it is shown to be enough.
await driverSuite(
  createKubernetesBed({
    name: 'kubernetes',
    namespace,
    kubeconfig: testKubeconfig(),
    async driverKubeconfig() {
      const config = new KubeConfig();
      config.loadFromFile(testKubeconfig());
      return createAccount({ config, namespace, name: 'gateway', rules: await manifestRules('shared') });
    },
  }),
);
