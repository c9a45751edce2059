import {
  claimCluster,
  createKubernetesBed,
  TEST_STORAGE_CLASS,
  testKubeconfig,
} from '../conformance/kubernetes-bed.js';
import { systemSuite } from './system-suite.js';

const namespace = 'openshell-system';

const bed = createKubernetesBed({
  name: 'kubernetes',
  namespace,
  kubeconfig: testKubeconfig(),
  driverKubeconfig: async () => testKubeconfig(),
});
await claimCluster();
// Makes the namespace, which the driver expects to find.
if ((await bed.unavailable()) === undefined) {
  await (await bed.createDriver('none')).close();
}

await systemSuite({
  bed,
  driver: 'kubernetes',
  table: `
kubeconfig = "${testKubeconfig()}"
namespace = "${namespace}"
workspace_storage_class = "${TEST_STORAGE_CLASS}"
image_pull_policy = "Never"
stop_timeout_secs = 2
`,
  // The node has two cores, of which each Pod asks for 150m.
  crash: { most: 8 },
});
