import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Code } from '../../dist/compute/errors.js';
import { allowedTests } from '../conformance/cases/allowed.js';
import { ceilingTests } from '../conformance/cases/ceilings.js';
import { run } from '../support/run.js';
import { docker, onDocker } from './real-engine.js';

await onDocker('docker: what a sandbox gets and may have', (workbench) => {
  const { bed, check } = workbench;
  ceilingTests(workbench);
  allowedTests(workbench, {
    bindVolumes: true,
    createVolume: async (name, options) =>
      docker([
        'volume',
        'create',
        ...Object.entries(options).flatMap(([k, v]) => ['--opt', `${k}=${v}`]),
        name,
      ]),
    removeVolume: async (name) => docker(['volume', 'rm', name]),
    createLabelled: async (tag, label) =>
      docker(['build', '-q', '-t', tag, '-'], `FROM ${bed.images.shell}\nLABEL ${label}\n`),
    removeImage: async (tag) => docker(['image', 'rm', '-f', tag]),
  });

  check('core files and open files are limited', { settings: { max_open_files: 256 } }, async (desk) => {
    const sandbox = await desk.running();
    const { stdout } = await run(desk.driver, sandbox, ['sh', '-c', 'ulimit -Hc; ulimit -Hn']);
    assert.equal(stdout, '0\n256\n');
  });

  check('a limit on disk that would have no effect is refused at the start', async (_, t) => {
    const status = docker(['info', '--format', '{{.Driver}} {{.DriverStatus}}']);
    if (/btrfs|zfs|xfs/.test(status)) {
      return t.skip('this engine may have quotas');
    }
    await assert.rejects(bed.createDriver(randomUUID(), { default_disk_limit: '1Gi' }), {
      code: Code.FAILED_PRECONDITION,
      reason: 'LimitNotEnforceable',
      field: 'openshell.drivers.docker.default_disk_limit',
    });
  });

  check('a default above its ceiling is refused at the start', async () => {
    await assert.rejects(bed.createDriver(randomUUID(), { max_memory_limit: '1Gi' }), {
      code: Code.INVALID_ARGUMENT,
      field: 'openshell.drivers.docker.default_memory_limit',
    });
  });
});
