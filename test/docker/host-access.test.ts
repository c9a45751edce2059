import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { after } from 'node:test';
import { hostAccessTests } from '../conformance/cases/host-access.js';
import { onDocker } from './real-engine.js';

await onDocker('docker: the host and the metadata service of its cloud', (workbench) => {
  // A network of this test's own: that of all gateways may be in use with rules.
  const name = `openshell-test-${randomUUID().slice(0, 8)}`;
  hostAccessTests(workbench, { network_name: name });
  after(() => execFileSync('docker', ['network', 'rm', name], { stdio: 'ignore' }));
});
