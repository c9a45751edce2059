import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { busyboxLayer, type Registry, startRegistry } from '../conformance/registry.js';
import type { Desk } from '../conformance/workbench.js';
import { aSandbox } from '../support/sandboxes.js';
import { onBothKinds } from './kinds.js';

/** Where test/engines/podman/up lets Podman pull from without TLS. */
const PORT = 15_055;
const REGISTRY = `127.0.0.1:${PORT}`;
const IMAGE = `${REGISTRY}/openshell/pulled:1`;
/** Runs without any file from the image but busybox itself. */
const COMMAND = ['/bin/busybox', 'env'];

await onBothKinds('podman pull', ({ check, api }) => {
  let registry: Registry;
  before(async () => {
    registry = await startRegistry(busyboxLayer(), PORT);
  });
  after(async () => {
    await api('DELETE', `/images/${encodeURIComponent(IMAGE)}?force=true`);
    await registry.close();
  });
  const forget = () => api('DELETE', `/images/${encodeURIComponent(IMAGE)}?force=true`);

  /** Runs the image to its end; what it was published as. */
  const published = async ({ driver, watch, signal }: Desk): Promise<string> => {
    const sandbox = aSandbox(IMAGE, { command: COMMAND });
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'exited');
    for await (const { message } of driver.access?.logs(sandbox, {
      follow: false,
      tail: undefined,
      sinceMs: 0,
      signal,
    }) ?? []) {
      if (message.startsWith('PUBLISHED=')) {
        return message.slice('PUBLISHED='.length);
      }
    }
    return '';
  };

  check('missing: pulled once, with progress', async (desk) => {
    await forget();
    registry.publish('first');
    assert.equal(await published(desk), 'first');
    registry.publish('second');
    assert.equal(await published(desk), 'first', 'what is there is used');
    const reasons = desk.watch.events.flatMap((e) => (e.type === 'platform' ? [e.event.reason] : []));
    for (const reason of ['Scheduled', 'Pulling', 'PullingLayer', 'ImagePresent', 'Created', 'Started']) {
      assert.ok(reasons.includes(reason), `${reason} is among ${reasons.join()}`);
    }
  });

  check('always: asked every time', { settings: { image_pull_policy: 'always' } }, async (desk) => {
    registry.publish('third');
    assert.equal(await published(desk), 'third');
    const asked = registry.asked();
    assert.equal(await published(desk), 'third');
    assert.ok(registry.asked() > asked);
  });

  check('newer: the newer one wins', { settings: { image_pull_policy: 'newer' } }, async (desk) => {
    registry.publish('fourth');
    assert.equal(await published(desk), 'fourth');
  });

  check(
    'never: an image that is not there is refused',
    { settings: { image_pull_policy: 'never' } },
    async ({ driver, signal }) => {
      await forget();
      const asked = registry.asked();
      await assert.rejects(driver.create(aSandbox(IMAGE), { signal }), {
        code: Code.FAILED_PRECONDITION,
        reason: 'ImagePullFailed',
      });
      assert.equal(registry.asked(), asked);
    },
  );

  check('an image that no registry has', async ({ driver, signal, gatewayId: _ }) => {
    const sandbox = aSandbox(`${REGISTRY}/openshell/nothing:9`);
    await assert.rejects(driver.create(sandbox, { signal }), (error: { reason: string; message: string }) => {
      assert.equal(error.reason, 'ImagePullFailed');
      assert.match(error.message, /openshell\/nothing:9/);
      return true;
    });
    assert.equal(await driver.get(sandbox, { signal }), undefined);
  });
});
