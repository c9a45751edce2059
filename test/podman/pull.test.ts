import { pullTests } from '../conformance/cases/pull.js';
import { onBothKinds } from './kinds.js';

await onBothKinds('podman pull', (engine) =>
  pullTests(engine, {
    // Where test/engines/podman/up lets Podman pull from without TLS.
    port: 15_055,
    always: 'always',
    newer: 'newer',
    forget: (image) => engine.api('DELETE', `/images/${encodeURIComponent(image)}?force=true`),
  }),
);
