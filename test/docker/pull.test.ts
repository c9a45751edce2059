import assert from 'node:assert/strict';
import { pullTests } from '../conformance/cases/pull.js';
import { aSandbox } from '../support/sandboxes.js';
import { docker, onDocker } from './real-engine.js';

await onDocker('docker pull', (workbench) => {
  pullTests(workbench, {
    port: 0,
    always: 'Always',
    async forget(image) {
      const [repository = ''] = image.split(/:[^:/]*$/);
      const ids = docker(['images', '-q', '--no-trunc', repository]).split('\n').filter(Boolean);
      for (const id of new Set(ids)) {
        docker(['rmi', '-f', id]);
      }
    },
  });

  workbench.check('a registry that cannot be reached', async ({ driver, signal }) => {
    const sandbox = aSandbox('127.0.0.1:1/openshell/unreachable:1');
    await assert.rejects(driver.create(sandbox, { signal }), { reason: 'ImagePullFailed', hint: /registry/ });
  });
});
