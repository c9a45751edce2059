import { describe } from 'node:test';
import { lifecycleTests } from './cases/lifecycle.js';
import { claimCluster, createKubernetesBed, testKubeconfig } from './kubernetes-bed.js';
import { createWorkbench } from './workbench.js';

// The controller is built and run outside `.ci/run`: test/engines/kubernetes/agent-sandbox.
const skip =
  process.env.OPENSHELL_TEST_AGENT_SANDBOX === undefined &&
  'OPENSHELL_TEST_AGENT_SANDBOX does not say that the controller of agent-sandbox runs';

if (skip === false) {
  await claimCluster();
}

describe('conformance: kubernetes with agent-sandbox', { skip, concurrency: false }, () => {
  lifecycleTests(
    createWorkbench(
      createKubernetesBed({
        name: 'kubernetes',
        namespace: 'openshell-agents',
        kubeconfig: testKubeconfig(),
        driverKubeconfig: async () => testKubeconfig(),
        agentSandbox: true,
      }),
    ),
  );
});
