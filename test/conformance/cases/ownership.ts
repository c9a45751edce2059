import assert from 'node:assert/strict';
import { Code } from '../../../dist/compute/errors.js';
import { LABEL } from '../../../dist/compute/labels.js';
import { run } from '../../support/run.js';
import { aSandbox } from '../../support/sandboxes.js';
import type { Workbench } from '../workbench.js';

/** Whose things are whose on an engine, and names and values that try to be something else. */
export function ownershipTests({ bed, check }: Workbench): void {
  check('owner labels stand on everything', async ({ running, gatewayId }) => {
    const sandbox = await running();
    const objects = await bed.objects(gatewayId);
    assert.ok(objects.length > 0);
    for (const { name, labels } of objects) {
      assert.equal(labels[LABEL.managedBy], 'openshell', name);
      assert.equal(labels[LABEL.gatewayId], gatewayId, name);
      assert.equal(labels[LABEL.sandboxId], sandbox.id, name);
      assert.equal(labels[LABEL.sandboxWorkspace], sandbox.workspace, name);
      assert.ok(labels[LABEL.version], name);
    }
  });

  check("the template's labels stand beside them", { needs: ['templateLabels'] }, async (desk) => {
    await desk.running({ template: { labels: { team: 'red', 'example.com/a.b-c': 'x_y.z' } } });
    const objects = await bed.objects(desk.gatewayId);
    assert.ok(objects.some(({ labels }) => labels.team === 'red' && labels['example.com/a.b-c'] === 'x_y.z'));
  });

  check('two gateways on one engine do not see each other', async (desk) => {
    const { driver, running, anotherDriver, otherGatewayId, signal } = desk;
    const mine = await running();
    const other = await anotherDriver(otherGatewayId());
    const theirs = aSandbox(bed.images.shell);
    await other.create(theirs, { signal });
    const ids = async (of: typeof driver) => (await of.list({ signal })).map((s) => s.id);
    assert.deepEqual(await ids(driver), [mine.id]);
    assert.deepEqual(await ids(other), [theirs.id]);
    assert.equal(await driver.get(theirs, { signal }), undefined);
    assert.equal(await driver.delete(theirs, { signal }), false);
    await assert.rejects(driver.stop(theirs, { signal }), { code: Code.NOT_FOUND });
    await assert.rejects(run(driver, theirs, ['true']), { code: Code.NOT_FOUND });
    assert.deepEqual(await ids(other), [theirs.id], 'it is still there');
  });

  check('what is not ours stays', { needs: ['foreign'] }, async ({ driver, running, signal, watch }) => {
    const foreign = await bed.createForeign?.();
    assert.ok(foreign);
    try {
      const sandbox = await running();
      assert.equal((await driver.list({ signal })).length, 1);
      await driver.delete(sandbox, { signal });
      await watch.seesDeleted(sandbox.id);
      assert.equal(await foreign.exists(), true);
    } finally {
      await foreign.remove();
    }
  });

  check('the longest name and workspace that there may be', async ({ driver, watch, signal }) => {
    const sandbox = {
      ...aSandbox(bed.images.shell),
      name: `n${'x'.repeat(17)}z`,
      workspace: `w${'0'.repeat(18)}`,
    };
    await driver.create(sandbox, { signal });
    const seen = await watch.sees(sandbox.id, 'running');
    assert.deepEqual([seen.name, seen.workspace], [sandbox.name, sandbox.workspace]);
  });

  check('the same name in two workspaces', async ({ driver, watch, signal }) => {
    for (const workspace of ['one', 'two']) {
      const sandbox = { ...aSandbox(bed.images.shell), name: 'same', workspace };
      await driver.create(sandbox, { signal });
      await watch.sees(sandbox.id, 'running');
    }
    assert.equal((await driver.list({ signal })).length, 2);
  });

  check('environment of the main process', { needs: ['logs'] }, async ({ driver, watch, signal }) => {
    const environment = {
      QUOTES: `'"\`$(id)$HOME\\`,
      SPACES: '  a  b  ',
      EQUALS: '=a=',
      UNICODE: 'ü日🦀',
      BOTH: 'spec',
    };
    const names = Object.keys(environment);
    const print = `${names.map((name) => `printf '%s|' "$${name}"`).join('; ')}; echo; sleep 600`;
    const template = { environment: { BOTH: 'template', ONLY: 'template' } };
    const sandbox = aSandbox(bed.images.shell, { command: ['/bin/sh', '-c', print], environment, template });
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'running');
    const logs = driver.access?.logs(sandbox, { follow: true, tail: undefined, sinceMs: 0, signal });
    assert.ok(logs);
    for await (const { message } of logs) {
      assert.equal(message, `${Object.values(environment).join('|')}|`);
      break;
    }
    const { stdout } = await run(driver, sandbox, ['/bin/sh', '-c', 'echo $ONLY $OPENSHELL_SANDBOX']);
    assert.match(stdout, /^template/);
  });

  check('argv of the main process', { needs: ['logs'] }, async ({ driver, watch, signal }) => {
    const hostile = ['', 'a b', `'"$HOME`, 'two\nlines', '$(exit 3)', '日本'];
    const script = 'for a in "$@"; do printf "<%s>" "$a" | tr "\\n" "_"; done; echo; sleep 600';
    const sandbox = aSandbox(bed.images.shell, { command: ['/bin/sh', '-c', script, 'sh', ...hostile] });
    await driver.create(sandbox, { signal });
    await watch.sees(sandbox.id, 'running');
    const logs = driver.access?.logs(sandbox, { follow: true, tail: undefined, sinceMs: 0, signal });
    assert.ok(logs);
    for await (const { message } of logs) {
      assert.equal(message, hostile.map((word) => `<${word.replace('\n', '_')}>`).join(''));
      break;
    }
  });
}
