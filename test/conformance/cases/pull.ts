import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { Code } from '../../../dist/compute/errors.js';
import { aSandbox } from '../../support/sandboxes.js';
import { busyboxLayer, type Registry, startRegistry } from '../registry.js';
import type { Desk, Workbench } from '../workbench.js';
import { readLogs } from './logs.js';

/** Runs without any file from the image but busybox itself. */
const COMMAND = ['/bin/busybox', 'env'];

export interface PullOptions {
  /** The one that the engine takes for a registry without TLS; 0: any. */
  readonly port: number;
  /** As the driver's setting spells it. */
  readonly always: string;
  /** Undefined: it has no such policy. */
  readonly newer?: string;
  /** Removes the image from the engine, also what has lost its tag to a newer one. */
  forget(image: string): Promise<unknown>;
}

/** What a container engine pulls, and when. */
export function pullTests({ check }: Workbench, { port, always, newer, forget }: PullOptions): void {
  let registry: Registry;
  const image = () => `${registry.address}/openshell/pulled:1`;
  before(async () => {
    registry = await startRegistry(busyboxLayer(), port);
  });
  after(async () => {
    await forget(image());
    await registry.close();
  });

  /** Runs the image to its end; what it was published as. */
  const published = async ({ driver, watch, signal }: Desk): Promise<string> => {
    const sandbox = aSandbox(image(), { command: COMMAND });
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'exited');
    const lines = (await readLogs(driver, sandbox)).map(({ message }) => message);
    return lines.find((line) => line.startsWith('PUBLISHED='))?.slice('PUBLISHED='.length) ?? '';
  };

  check('missing: pulled once, with progress', async (desk) => {
    await forget(image());
    registry.publish('first');
    assert.equal(await published(desk), 'first');
    registry.publish('second');
    assert.equal(await published(desk), 'first', 'what is there is used');
    const reasons = desk.watch.events.flatMap((e) => (e.type === 'platform' ? [e.event.reason] : []));
    for (const reason of ['Scheduled', 'Pulling', 'PullingLayer', 'ImagePresent', 'Created', 'Started']) {
      assert.ok(reasons.includes(reason), `${reason} is among ${reasons.join()}`);
    }
  });

  check('always: asked every time', { settings: { image_pull_policy: always } }, async (desk) => {
    registry.publish('third');
    assert.equal(await published(desk), 'third');
    const asked = registry.asked();
    assert.equal(await published(desk), 'third');
    assert.ok(registry.asked() > asked);
  });

  if (newer !== undefined) {
    check('newer: the newer one wins', { settings: { image_pull_policy: newer } }, async (desk) => {
      registry.publish('fourth');
      assert.equal(await published(desk), 'fourth');
    });
  }

  check('never: what is not there is refused', { settings: { image_pull_policy: 'never' } }, async (desk) => {
    await forget(image());
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
}
