import { hostAccessTests } from '../conformance/cases/host-access.js';
import { onBothKinds } from './kinds.js';

await onBothKinds('podman: the host and the metadata service of its cloud', (engine) => {
  // A rootless engine sets no rules; what its sandboxes reach of this host is in the conformance suite.
  if (engine.kind === 'rootful') {
    hostAccessTests(engine, {});
  }
});
