import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Code } from '../../dist/compute/errors.js';
import type { Json } from '../../dist/compute/sandbox.js';
import { tempFolder } from '../support/folder.js';
import { run } from '../support/run.js';
import { aSandbox } from '../support/sandboxes.js';
import { onBothKinds } from './kinds.js';

await onBothKinds('podman mounts', ({ bed, check, api }) => {
  const withMounts = (mounts: Json[]) => ({ template: { driverConfig: { mounts } } });

  check('tmpfs, volume and image', { settings: { allowed_volumes: ['test-*'] } }, async (desk) => {
    const { driver, running, gatewayId } = desk;
    const volume = `test-${gatewayId}`;
    await api('POST', '/volumes/create', { Name: volume });
    try {
      const sandbox = await running(
        withMounts([
          { type: 'tmpfs', target: '/scratch', size_bytes: 1_048_576, mode: '1777' },
          { type: 'volume', source: volume, target: '/data', read_only: false },
          { type: 'volume', source: volume, target: '/data-ro' },
          { type: 'image', source: bed.images.noShell ?? '', target: '/other' },
        ]),
      );
      const script = [
        'echo a > /scratch/a && echo b > /data/b && cat /scratch/a /data-ro/b',
        'test -e /other/bin/busybox && echo image',
        'touch /data-ro/c /other/c 2>/dev/null || echo read-only',
        'dd if=/dev/zero of=/scratch/big bs=1M count=2 2>/dev/null || echo full',
      ].join('\n');
      assert.equal(
        (await run(driver, sandbox, ['sh', '-c', script])).stdout,
        'a\nb\nimage\nread-only\nfull\n',
      );
    } finally {
      await bed.cleanup(gatewayId);
      await api('DELETE', `/volumes/${volume}?force=true`);
    }
  });

  check('a folder of the host is refused unless the operator allows it', async ({ driver, signal }) => {
    const mounts = [{ type: 'bind', source: '/etc', target: '/host' }];
    const sandbox = aSandbox(bed.images.shell, withMounts(mounts));
    await assert.rejects(driver.validateCreate(sandbox, { signal }), { code: Code.FAILED_PRECONDITION });
    await assert.rejects(driver.create(sandbox, { signal }), { code: Code.FAILED_PRECONDITION });
  });

  check(
    'a folder of the host, read-only unless asked otherwise',
    { settings: { enable_bind_mounts: true } },
    async ({ driver, running }) => {
      const { path: folder, remove } = tempFolder();
      try {
        await chmod(folder, 0o777);
        await writeFile(join(folder, 'file'), 'from the host\n');
        const sandbox = await running(withMounts([{ type: 'bind', source: folder, target: '/host' }]));
        const script = 'cat /host/file; touch /host/new 2>/dev/null || echo read-only';
        assert.equal((await run(driver, sandbox, ['sh', '-c', script])).stdout, 'from the host\nread-only\n');
      } finally {
        remove();
      }
    },
  );

  check('a volume that does not exist is named', { settings: { allowed_volumes: ['*'] } }, async (desk) => {
    const { driver, signal } = desk;
    const mounts = [{ type: 'volume', source: 'nobody-made-it', target: '/data' }];
    const sandbox = aSandbox(bed.images.shell, withMounts(mounts));
    await assert.rejects(driver.validateCreate(sandbox, { signal }), /no volume 'nobody-made-it'/);
  });
});
