import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadAll } from 'js-yaml';
import { tempFolder } from '../support/folder.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

interface Manifest {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
}

for (const mode of ['shared', 'managed']) {
  test(`a gateway takes the configuration of deploy/kubernetes/${mode}.yaml`, async (t) => {
    const { path: folder, remove } = tempFolder();
    t.after(remove);
    const manifests = loadAll(
      await readFile(join(ROOT, `deploy/kubernetes/${mode}.yaml`), 'utf8'),
    ) as Manifest[];
    const text = manifests.find(({ kind }) => kind === 'ConfigMap')?.data?.['gateway.toml'] ?? '';
    assert.match(text, new RegExp(`workspace_mode = "${mode}"`));
    // Certificates come from outside, and without them there is no gateway: plain text is nowhere an answer.
    assert.match(text, /client_ca_path = /);
    assert.doesNotMatch(text, /disable_tls|allow_unauthenticated/);
    assert.match(JSON.stringify(manifests), /"secretName":"openshell-tls"/);
    const path = join(folder, 'gateway.toml');
    await writeFile(path, text);
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, 'dist/main.js'), '--config', path, 'config', 'check'],
      { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: folder } },
    );
    assert.deepEqual([status, stderr], [0, '']);
  });
}
