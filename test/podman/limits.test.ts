import assert from 'node:assert/strict';
import { Code } from '../../dist/compute/errors.js';
import podman from '../../dist/drivers/podman/entry.js';
import { allowedTests } from '../conformance/cases/allowed.js';
import { ceilingTests } from '../conformance/cases/ceilings.js';
import { tableOf } from '../support/driver-context.js';
import { run } from '../support/run.js';
import { aSandbox, limits } from '../support/sandboxes.js';
import { onBothKinds } from './kinds.js';

await onBothKinds('podman limits', (engine) => {
  const { bed, check, socket, api } = engine;
  ceilingTests(engine);
  allowedTests(engine, {
    bindVolumes: engine.kind === 'rootful',
    createVolume: (Name, Options) => api('POST', '/volumes/create', { Name, Options }),
    removeVolume: (name) => api('DELETE', `/volumes/${name}?force=true`),
    async createLabelled(tag, label) {
      const { body } = await api('POST', '/containers/create', {
        image: bed.images.shell,
        command: ['true'],
      });
      assert.ok(body.Id, JSON.stringify(body));
      const [repo, word] = tag.split(/:(?=[^/]*$)/);
      const changes = encodeURIComponent(`LABEL ${label}`);
      try {
        const made = await api(
          'POST',
          `/commit?container=${body.Id}&repo=${repo}&tag=${word}&changes=${changes}`,
        );
        assert.ok(made.status < 300, JSON.stringify(made.body));
      } finally {
        await api('DELETE', `/containers/${body.Id}?force=true`);
      }
    },
    removeImage: (tag) => api('DELETE', `/images/${encodeURIComponent(tag)}?force=true`),
  });

  const limited = { template: { resources: limits('500m', '64Mi') } };
  const enforces = bed.lacks.memoryLimit === undefined;

  check('the probe and the capabilities say what takes effect', async ({ driver, signal }) => {
    const found = await podman.probe({
      settings: tableOf(podman.settings, { engine_socket: socket }),
      env: {},
      signal,
    });
    assert.equal(found.state, 'ready');
    const told = (found.state === 'ready' && found.warnings) || [];
    assert.equal(told.length, enforces ? 0 : 1);
    if (!enforces) {
      assert.match(told[0] ?? '', /no limit on cpu, memory, pids takes effect/);
    }
    const { resources } = await driver.capabilities({ signal });
    assert.deepEqual([resources?.cpuLimit, resources?.memoryLimit], [enforces, enforces]);
  });

  check('a limit that takes no effect is refused', async ({ driver, watch, signal }) => {
    const sandbox = aSandbox(bed.images.shell, limited);
    if (enforces) {
      await driver.create(sandbox, { signal });
      await watch.sees(sandbox.id, 'running');
      const { stdout } = await run(driver, sandbox, [
        'sh',
        '-c',
        'cat /sys/fs/cgroup/memory*/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max',
      ]);
      assert.equal(stdout.trim(), String(64 * 1024 * 1024));
      return;
    }
    const refusal = { code: Code.FAILED_PRECONDITION, reason: 'LimitNotEnforceable' };
    await assert.rejects(driver.validateCreate(sandbox, { signal }), refusal);
    await assert.rejects(driver.create(sandbox, { signal }), refusal);
    assert.deepEqual(await driver.list({ signal }), []);
  });

  check(
    'the operator may prefer best effort',
    { settings: { limits: 'best-effort' } },
    async ({ driver, running, signal }) => {
      const sandbox = await running(limited);
      assert.equal((await run(driver, sandbox, ['echo', 'runs'])).stdout, 'runs\n');
      const { resources } = await driver.capabilities({ signal });
      assert.deepEqual([resources?.cpuLimit, resources?.memoryLimit], [true, true]);
    },
  );
});
