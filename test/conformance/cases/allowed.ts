import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { Code } from '../../../dist/compute/errors.js';
import type { Json } from '../../../dist/compute/sandbox.js';
import { tempFolder } from '../../support/folder.js';
import { run } from '../../support/run.js';
import { aSandbox } from '../../support/sandboxes.js';
import type { Desk, Workbench } from '../workbench.js';

export interface RawEngine {
  /** Whether the engine may mount a volume that stands for a folder of the host; one without root may not. */
  readonly bindVolumes: boolean;
  /** With options of the driver `local`. */
  createVolume(name: string, options: Readonly<Record<string, string>>): Promise<unknown>;
  removeVolume(name: string): Promise<unknown>;
  /** The shell image under another name, with this label. */
  createLabelled(tag: string, label: string): Promise<unknown>;
  removeImage(tag: string): Promise<unknown>;
}

/** What of the host, and which images, a container engine's sandbox may be given. */
export function allowedTests({ bed, check }: Workbench, raw: RawEngine): void {
  const { path, remove } = tempFolder();
  after(remove);
  const base = realpathSync(path);
  const allowed = join(base, 'allowed');
  const secret = join(base, 'allowed-not');
  for (const folder of [base, allowed, secret, join(allowed, 'below')]) {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'file'), 'word\n');
  }
  symlinkSync(secret, join(allowed, 'link'));
  const settings = {
    enable_bind_mounts: true,
    allowed_bind_paths: [allowed],
    allowed_volumes: ['test-openshell-*'],
  };
  const refused = { code: Code.FAILED_PRECONDITION, reason: 'NotAllowed' };

  const mounting = (mount: Record<string, Json>) => ({
    template: { driverConfig: { mounts: [{ target: '/x', ...mount }] } },
  });
  const refuses = async ({ driver, signal, gatewayId }: Desk, mount: Record<string, Json>) => {
    const sandbox = aSandbox(bed.images.shell, mounting(mount));
    await assert.rejects(driver.validateCreate(sandbox, { signal }), refused, JSON.stringify(mount));
    await assert.rejects(driver.create(sandbox, { signal }), refused, JSON.stringify(mount));
    assert.deepEqual(await bed.objects(gatewayId), []);
  };
  const shows = async ({ driver, running }: Desk, mount: Record<string, Json>) => {
    const sandbox = await running(mounting(mount));
    assert.equal((await run(driver, sandbox, ['cat', '/x/file'])).stdout, 'word\n');
  };

  check('folders of the host: those that are listed, and below', { settings }, async (desk) => {
    for (const source of [secret, base, '/etc', join(allowed, 'link'), join(allowed, 'no-such')]) {
      await refuses(desk, { type: 'bind', source });
    }
    await shows(desk, { type: 'bind', source: allowed });
    await shows(desk, { type: 'bind', source: join(allowed, 'below') });
  });

  const withVolume = async (device: string | undefined, body: (source: string) => Promise<void>) => {
    const name = `test-openshell-${randomUUID().slice(0, 8)}`;
    await raw.createVolume(name, device === undefined ? {} : { type: 'none', o: 'bind', device });
    try {
      await body(name);
    } finally {
      await raw.removeVolume(name);
    }
  };

  check('a volume needs the word of the operator', async (desk) => {
    await withVolume(undefined, (source) => refuses(desk, { type: 'volume', source }));
  });

  check('a volume that stands for a folder of the host is one', { settings }, async (desk) => {
    await withVolume(secret, (source) => refuses(desk, { type: 'volume', source }));
    await withVolume(join(allowed, 'link'), (source) => refuses(desk, { type: 'volume', source }));
    if (!raw.bindVolumes) {
      return;
    }
    await withVolume(allowed, async (source) => {
      await shows(desk, { type: 'volume', source });
      await bed.cleanup(desk.gatewayId);
    });
  });

  const volumesAlone = { settings: { allowed_volumes: ['*'] } };
  check('also where no folder of the host is allowed', volumesAlone, async (desk) => {
    await withVolume(allowed, (source) => refuses(desk, { type: 'volume', source }));
  });

  check('an image with labels of ours is refused', async ({ driver, signal, gatewayId }) => {
    const tag = `openshell-test-labels:${gatewayId.slice(0, 8)}`;
    const image = bed.images.shell.replace(/[^/]*$/, tag);
    for (const label of ['openshell.ai/helper=true', 'openshell.ai/gateway-id=other']) {
      await raw.createLabelled(image, label);
      try {
        await assert.rejects(driver.create(aSandbox(image), { signal }), {
          code: Code.FAILED_PRECONDITION,
          reason: 'ImageLabelsReserved',
        });
        assert.deepEqual(await bed.objects(gatewayId), []);
      } finally {
        await raw.removeImage(image);
      }
    }
  });
}
