import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before } from 'node:test';
import { Code } from '../../dist/compute/errors.js';
import { busyboxLayer, type Registry, startRegistry } from '../conformance/registry.js';
import type { Desk } from '../conformance/workbench.js';
import { aSandbox } from '../support/sandboxes.js';
import { onDocker } from './real-engine.js';

/** Runs without any file from the image but busybox itself. */
const COMMAND = ['/bin/busybox', 'env'];

await onDocker('docker pull', ({ check }) => {
  let registry: Registry;
  const image = () => `${registry.address}/openshell/pulled:1`;
  const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' });
  /** Also what has lost its tag to a newer one. */
  const forget = () => {
    const ids = docker('images', '-q', '--no-trunc', `${registry.address}/openshell/pulled`).split('\n');
    for (const id of new Set(ids)) {
      if (id !== '') {
        docker('rmi', '-f', id);
      }
    }
  };
  before(async () => {
    registry = await startRegistry(busyboxLayer());
  });
  after(async () => {
    forget();
    await registry.close();
  });

  /** Runs the image to its end; what it was published as. */
  const published = async ({ driver, watch, signal }: Desk): Promise<string> => {
    const sandbox = aSandbox(image(), { command: COMMAND });
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'exited');
    const options = { follow: false, tail: undefined, sinceMs: 0, signal };
    for await (const { message } of driver.access?.logs(sandbox, options) ?? []) {
      if (message.startsWith('PUBLISHED=')) {
        return message.slice('PUBLISHED='.length);
      }
    }
    return '';
  };

  check('missing: pulled once, with progress', async (desk) => {
    forget();
    registry.publish('first');
    assert.equal(await published(desk), 'first');
    registry.publish('second');
    assert.equal(await published(desk), 'first', 'what is there is used');
    const reasons = desk.watch.events.flatMap((e) => (e.type === 'platform' ? [e.event.reason] : []));
    for (const reason of ['Scheduled', 'Pulling', 'PullingLayer', 'ImagePresent', 'Created', 'Started']) {
      assert.ok(reasons.includes(reason), `${reason} is among ${reasons.join()}`);
    }
  });

  check('always: asked every time', { settings: { image_pull_policy: 'Always' } }, async (desk) => {
    registry.publish('third');
    assert.equal(await published(desk), 'third');
    const asked = registry.asked();
    assert.equal(await published(desk), 'third');
    assert.ok(registry.asked() > asked);
  });

  check('never: what is not there is refused', { settings: { image_pull_policy: 'never' } }, async (desk) => {
    forget();
    const asked = registry.asked();
    await assert.rejects(desk.driver.create(aSandbox(image()), { signal: desk.signal }), {
      code: Code.FAILED_PRECONDITION,
      reason: 'ImagePullFailed',
    });
    assert.equal(registry.asked(), asked);
  });

  check('an image that no registry has', async ({ driver, signal }) => {
    const sandbox = aSandbox(`${registry.address}/openshell/nothing:9`);
    await assert.rejects(driver.create(sandbox, { signal }), {
      reason: 'ImagePullFailed',
      message: /openshell\/nothing:9/,
    });
    assert.equal(await driver.get(sandbox, { signal }), undefined);
  });

  check('a registry that cannot be reached', async ({ driver, signal }) => {
    const sandbox = aSandbox('127.0.0.1:1/openshell/unreachable:1');
    await assert.rejects(driver.create(sandbox, { signal }), { reason: 'ImagePullFailed', hint: /registry/ });
  });
});
