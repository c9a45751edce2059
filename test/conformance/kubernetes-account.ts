import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AuthenticationV1TokenRequest,
  CoreV1Api,
  KubeConfig,
  loadAllYaml,
  RbacAuthorizationV1Api,
  type V1PolicyRule,
} from '@kubernetes/client-node';
import { tempFolder } from '../support/folder.js';

/** What the manifest for this mode grants the gateway. */
export async function manifestRules(mode: 'shared' | 'managed'): Promise<V1PolicyRule[]> {
  const file = new URL(`../../deploy/kubernetes/${mode}.yaml`, import.meta.url);
  const objects: { kind: string; rules?: V1PolicyRule[] }[] = loadAllYaml(await readFile(file, 'utf8'));
  const role = objects.find(({ kind }) => kind === (mode === 'shared' ? 'Role' : 'ClusterRole'));
  if (role?.rules === undefined) {
    throw new Error(`${file.pathname} has no role`);
  }
  return role.rules;
}

export interface AccountOptions {
  /** The administrator's. */
  readonly config: KubeConfig;
  /** Where the account lives, and where a Role counts. Made when it is not there. */
  readonly namespace: string;
  readonly name: string;
  readonly rules: readonly V1PolicyRule[];
  readonly clusterWide?: boolean;
}

/** A service account with these rules and no other; gives back the path of a kubeconfig with its token. */
export async function createAccount(options: AccountOptions): Promise<string> {
  const { config, namespace, name, clusterWide = false } = options;
  const core = config.makeApiClient(CoreV1Api);
  const rbac = config.makeApiClient(RbacAuthorizationV1Api);
  const metadata = { name, ...(!clusterWide && { namespace }) };
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const role = { metadata, rules: [...options.rules] };
  await core.createNamespace({ body: { metadata: { name: namespace } } }).catch(ignoreExisting);
  await core
    .createNamespacedServiceAccount({ namespace, body: { metadata: { name, namespace } } })
    .catch(ignoreExisting);
  if (clusterWide) {
    await rbac.createClusterRole({ body: role }).catch(ignoreExisting);
    await rbac.replaceClusterRole({ name, body: role });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
    await rbac.createClusterRoleBinding({ body: { metadata, roleRef, subjects } }).catch(ignoreExisting);
  } else {
    await rbac.createNamespacedRole({ namespace, body: role }).catch(ignoreExisting);
    await rbac.replaceNamespacedRole({ namespace, name, body: role });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
    await rbac
      .createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } })
      .catch(ignoreExisting);
  }
  return tokenKubeconfig(config, namespace, name);
}

/** The path of a kubeconfig with a token of this service account. */
export async function tokenKubeconfig(config: KubeConfig, namespace: string, name: string): Promise<string> {
  const body: AuthenticationV1TokenRequest = { spec: { audiences: [], expirationSeconds: 7200 } };
  const { status } = await config
    .makeApiClient(CoreV1Api)
    .createNamespacedServiceAccountToken({ namespace, name, body });
  const cluster = config.getCurrentCluster();
  if (cluster === null || status === undefined) {
    throw new Error('no cluster or no token');
  }
  const limited = new KubeConfig();
  limited.loadFromClusterAndUser(cluster, { name, token: status.token });
  const folder = tempFolder();
  process.once('exit', folder.remove);
  const path = join(folder.path, 'kubeconfig');
  await writeFile(path, limited.exportConfig(), { mode: 0o600 });
  return path;
}

function ignoreExisting(error: unknown): void {
  if ((error as { code?: number }).code !== 409) {
    throw error;
  }
}
