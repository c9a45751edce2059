import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, describe, test } from 'node:test';
import type { V1PolicyRule } from '@kubernetes/client-node';
import type { ProbeResult } from '../../dist/compute/entry.js';
import entry from '../../dist/drivers/kubernetes/entry.js';
import {
  describePermission,
  neededPermissions,
  type Permission,
} from '../../dist/drivers/kubernetes/permissions.js';
import { createAccount, manifestRules } from '../conformance/kubernetes-account.js';
import { tempFolder } from '../support/folder.js';
import { eventually } from '../support/wait.js';
import { testCluster } from './cluster.js';
import { defaults } from './fixtures.js';

const cluster = await testCluster('openshell-permissions');
const { namespace } = cluster;

function probe(settings: Parameters<typeof defaults>[0], env = {}): Promise<ProbeResult> {
  return entry.probe({ settings: defaults(settings), env, signal: AbortSignal.timeout(20_000) });
}

function text(result: ProbeResult) {
  return JSON.stringify(result);
}

describe('the probe', () => {
  test('looks nowhere without a kubeconfig and outside a cluster', async () => {
    const result = await probe({});
    assert.equal(result.state, 'unavailable');
    assert.match(text(result), /kubeconfig.*KUBERNETES_SERVICE_HOST/);
  });

  test('names a kubeconfig that is not there, and a context that is not in it', {
    skip: cluster.skip,
  }, async () => {
    assert.match(text(await probe({ kubeconfig: '/nope/config' })), /unavailable.*\/nope\/config/);
    const { clusters } = cluster.config();
    assert.equal(clusters.length, 1);
    const result = await probe({
      kubeconfig: process.env.OPENSHELL_TEST_KUBECONFIG ?? kubeconfigPath(),
      context: 'nope',
    });
    assert.match(text(result), /no context 'nope'/);
  });

  test('names a server that does not answer', async (t) => {
    const folder = tempFolder();
    t.after(folder.remove);
    const path = `${folder.path}/config`;
    await writeFile(path, deadKubeconfig);
    const result = await entry.probe({
      settings: defaults({ kubeconfig: path }),
      env: {},
      signal: AbortSignal.timeout(1_000),
    });
    assert.match(text(result), /unavailable.*127\.0\.0\.1:1.*ECONNREFUSED/);
  });
});

function kubeconfigPath() {
  return `${process.env.OPENSHELL_TEST_STATE ?? '/tmp/openshell-test'}/kubernetes/pki/admin.conf`;
}

const deadKubeconfig = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'dead', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'u', user: { token: 'secret-token' } }],
  contexts: [{ name: 'c', context: { cluster: 'dead', user: 'u' } }],
  'current-context': 'c',
});

describe('permissions', { skip: cluster.skip }, () => {
  after(async () => {
    await cluster
      .core()
      .deleteNamespace({ name: namespace })
      .catch(() => {});
  });

  for (const mode of ['shared', 'managed'] as const) {
    test(`the Role of deploy/kubernetes/${mode}.yaml grants what the driver needs and no more`, async () => {
      const granted = (await manifestRules(mode)).flatMap(({ apiGroups = [], resources = [], verbs }) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource} ${apiGroups[0] ?? ''}`)),
      );
      const needed = neededPermissions(defaults({ workspace_mode: mode })).map(
        ({ verb, resource, subresource, group }) =>
          `${verb} ${[resource, subresource].filter(Boolean).join('/')} ${group}`,
      );
      assert.deepEqual(granted.sort(), needed.sort());
    });

    test(`each that is missing is named (${mode})`, async () => {
      const settings = { namespace, workspace_mode: mode };
      const needed = neededPermissions(defaults(settings));
      const account = {
        config: cluster.config(),
        namespace,
        name: `lacking-${mode}`,
        clusterWide: mode === 'managed',
      };
      for (const lacking of needed) {
        const rules = needed.filter((one) => one !== lacking).map(toRule);
        const kubeconfig = await createAccount({ ...account, rules });
        // The API server learns of a changed role a moment later.
        await eventually(`the probe misses: ${describePermission(lacking)}`, async () => {
          const result = await probe({ ...settings, kubeconfig });
          return (
            result.state === 'unavailable' &&
            result.tried?.length === 1 &&
            result.reason.includes(`may not ${describePermission(lacking)}`)
          );
        });
      }
      const kubeconfig = await createAccount({ ...account, rules: needed.map(toRule) });
      await eventually(
        'nothing is missing',
        async () => (await probe({ ...settings, kubeconfig })).state === 'ready',
      );
    });
  }
});

function toRule({ group, resource, subresource, verb }: Permission): V1PolicyRule {
  return {
    apiGroups: [group],
    resources: [[resource, subresource].filter(Boolean).join('/')],
    verbs: [verb],
  };
}
