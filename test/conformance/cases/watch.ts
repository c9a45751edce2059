import assert from 'node:assert/strict';
import { observedState } from '../../../dist/compute/conditions.js';
import { aSandbox } from '../../support/sandboxes.js';
import { eventually } from '../../support/wait.js';
import { watchLog } from '../watch-log.js';
import type { Workbench } from '../workbench.js';

/** What a watch tells, and in which order; how main processes end. */
export function watchTests({ bed, check }: Workbench): void {
  const patienceMs = bed.patienceMs ?? 30_000;

  for (const code of [0, 3]) {
    check(`a main process that ends with ${code}`, async ({ driver, watch, signal }) => {
      const sandbox = aSandbox(bed.images.shell, { command: ['/bin/sh', '-c', `sleep 0.3; exit ${code}`] });
      await driver.create(sandbox, { signal });
      const state = observedState((await watch.sees(sandbox.id, 'exited')).status);
      assert.equal(state.kind === 'exited' && state.exitCode, code);
      const kinds = watch.statesOf(sandbox.id).map((s) => observedState(s.status).kind);
      assert.ok(kinds.indexOf('running') < kinds.indexOf('exited'), kinds.join(', '));
      const got = await driver.get(sandbox, { signal });
      assert.equal(got && observedState(got.status).kind, 'exited');
    });
  }

  check('a main process that is over at once', async ({ driver, watch, signal }) => {
    const sandbox = aSandbox(bed.images.shell, { command: ['true'] });
    await driver.create(sandbox, { signal });
    const seen = await watch.sees(sandbox.id, 'exited');
    assert.notEqual(seen.status.instanceId, '');
    assert.equal(await driver.delete(sandbox, { signal }), true);
  });

  check('one that has ended starts again', async ({ driver, watch, signal }) => {
    const sandbox = aSandbox(bed.images.shell, { command: ['/bin/sh', '-c', 'sleep 0.2; exit 4'] });
    await driver.create(sandbox, { signal });
    const first = await watch.sees(sandbox.id, 'exited');
    await driver.start(sandbox, { signal });
    await eventually(
      'a second run is over',
      () =>
        watch
          .statesOf(sandbox.id)
          .some(
            ({ status }) =>
              status.instanceId !== first.status.instanceId && observedState(status).kind === 'exited',
          ),
      patienceMs,
    );
  });

  check('a stop gives the main process time to end', { needs: ['exitCodeAfterStop'] }, async (desk) => {
    const command = ['/bin/sh', '-c', 'trap "exit 7" TERM; echo up; while :; do sleep 0.1; done'];
    const sandbox = await desk.running({ command });
    // Until it has said so its trap may not stand.
    const logs = { follow: true, tail: undefined, sinceMs: 0, signal: desk.signal };
    for await (const _ of desk.driver.access?.logs(sandbox, logs) ?? []) {
      break;
    }
    await desk.driver.stop(sandbox, { signal: desk.signal });
    const state = observedState((await desk.watch.sees(sandbox.id, 'exited')).status);
    assert.equal(state.kind === 'exited' && state.exitCode, 7);
  });

  check('a later watch begins with what there is', async ({ driver, running }) => {
    const one = await running();
    const two = await running();
    const later = watchLog(driver, patienceMs);
    await later.synced();
    const at = later.events.findIndex((event) => event.type === 'synced');
    const before = later.events.slice(0, at).flatMap((e) => (e.type === 'sandbox' ? [e.sandbox.id] : []));
    assert.deepEqual(before.sort(), [one.id, two.id].sort());
    assert.equal(later.events.filter((event) => event.type === 'synced').length, 1);
    await later.stop();
  });

  check('two watches see the same', async ({ driver, running, signal }) => {
    const second = watchLog(driver, patienceMs);
    await second.synced();
    const sandbox = await running();
    await second.sees(sandbox.id, 'running');
    await driver.delete(sandbox, { signal });
    await second.seesDeleted(sandbox.id);
    await second.stop();
  });

  check("another process's work is seen as well", async ({ gatewayId, watch, anotherDriver, signal }) => {
    const another = await anotherDriver(gatewayId);
    const sandbox = aSandbox(bed.images.shell);
    await another.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'running');
    await another.stop(sandbox, { signal });
    await eventually('the stop is seen', () =>
      watch.statesOf(sandbox.id).some((s) => ['exited', 'stopped'].includes(observedState(s.status).kind)),
    );
    await another.delete(sandbox, { signal });
    await watch.seesDeleted(sandbox.id);
  });

  check('the end of a watch is no error', async ({ driver }) => {
    const log = watchLog(driver, patienceMs);
    await log.synced();
    await log.stop();
    assert.equal(await log.ended, undefined);
  });

  check('nothing is said twice', async ({ watch, running, signal, driver }) => {
    const sandbox = await running();
    await driver.stop(sandbox, { signal });
    await driver.delete(sandbox, { signal });
    await watch.seesDeleted(sandbox.id);
    const said = watch.statesOf(sandbox.id).map((s) => JSON.stringify(s.status));
    said.forEach((status, i) => {
      assert.notEqual(status, said[i - 1], 'the same state twice in a row');
    });
    const deleted = watch.events.filter((e) => e.type === 'deleted' && e.id === sandbox.id);
    assert.equal(deleted.length, 1);
  });
}
