import { driverSuite } from './driver-suite.js';
import { createKubernetesBed, testKubeconfig } from './kubernetes-bed.js';

await driverSuite(createKubernetesBed({ name: 'kubernetes', kubeconfig: testKubeconfig() }));
