import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { methods as api } from '../../dist/wire/v00/index.js';
import { eventually } from '../support/wait.js';
import type { SystemTools } from './system-suite.js';

/** Secrets go through the gateway's files and Podman's store: neither keeps anything of a sandbox that is gone. */
export function podmanSecrets({ folder, gateway, openshell, ready, gone }: SystemTools): void {
  test('secrets reach the sandbox, are shown to nobody, and are in no file and no log after its end', async () => {
    const name = 'with-secrets';
    const [variable, secret] = ['env', 'file'].map((kind) => `SEKRET-${kind}-${process.pid}`) as [
      string,
      string,
    ];
    const found = (): string[] => {
      const files = readdirSync(folder(), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'latin1'));
      const all = [...files, gateway().log()].join('\n');
      return [variable, secret].filter((text) => all.includes(text));
    };
    const { client } = gateway();
    await client.unary(api.createSandbox, {
      name,
      spec: {
        environment: { TOKEN: variable },
        command: ['sleep', '600'],
        template: { driverConfig: { podman: { secrets: [{ path: '/run/token', value: secret }] } } },
      },
    });
    await ready(name);
    const inside = await openshell(
      'sandbox',
      'exec',
      '--name',
      name,
      '--',
      'sh',
      '-c',
      'echo $TOKEN; cat /run/token',
    );
    assert.equal(inside.stdout.trim(), `${variable}\n${secret}`, inside.stderr);
    const { sandbox } = await client.unary(api.getSandbox, { name });
    assert.equal(sandbox?.spec?.environment.TOKEN, variable);
    assert.deepEqual(sandbox?.spec?.template?.driverConfig, {
      podman: { secrets: [{ path: '/run/token', value: '<hidden>' }] },
    });
    assert.deepEqual(found(), [variable, secret], 'what is there is found');
    assert.ok(!gateway().log().includes(secret) && !gateway().log().includes(variable));
    await client.unary(api.deleteSandbox, { name });
    await gone(name);
    await eventually('nothing is left', () => found().length === 0);
  });
}
