import { notAllowed } from '../../compute/allow-list.js';
import { invalidArgument } from '../../compute/errors.js';
import type { JsonObject } from '../../compute/sandbox.js';
import { requireAllowed } from './allowed.js';
import type { KubernetesSettings } from './settings.js';
import { anyObject, flag, listOf, mapOf, objectOf, oneOf, text, wholeNumber } from './shape.js';

const volume = objectOf({
  name: text,
  empty_dir: objectOf({ medium: oneOf('', 'Memory'), size_limit: text }),
  persistent_volume_claim: objectOf({ claim_name: text, read_only: flag }),
  config_map: objectOf({ name: text }),
  secret: objectOf({ secret_name: text }),
  host_path: objectOf({ path: text }),
});

const shape = objectOf({
  pod: objectOf({
    runtime_class_name: text,
    node_selector: mapOf(text),
    tolerations: listOf(
      objectOf({
        key: text,
        operator: oneOf('Exists', 'Equal'),
        value: text,
        effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
        toleration_seconds: wholeNumber,
      }),
    ),
    /** In Kubernetes' own form, with camelCase keys. */
    affinity: anyObject,
    priority_class_name: text,
    image_pull_secrets: listOf(text),
    host_users: flag,
  }),
  containers: objectOf({
    agent: objectOf({
      image_pull_policy: oneOf('Always', 'IfNotPresent', 'Never'),
      read_only_root_filesystem: flag,
      run_as_user: wholeNumber,
      run_as_group: wholeNumber,
      volume_mounts: listOf(objectOf({ name: text, mount_path: text, sub_path: text, read_only: flag })),
    }),
  }),
  volumes: listOf(volume),
  workspace: objectOf({ storage_size: text, storage_class: text }),
});

/** A sandbox's `driver_config.kubernetes`. */
export type DriverConfig = ReturnType<typeof shape>;
export type VolumeConfig = NonNullable<DriverConfig['volumes']>[number];

export const FIELD = 'spec.template.driver_config.kubernetes';
const SOURCES = ['empty_dir', 'persistent_volume_claim', 'config_map', 'secret', 'host_path'] as const;

/** INVALID_ARGUMENT for unknown keys or invalid values, FAILED_PRECONDITION for what the operator does not allow. */
export function readDriverConfig(value: JsonObject, settings: KubernetesSettings): DriverConfig {
  const config = shape(value, FIELD);
  config.volumes?.forEach((one, i) => {
    checkVolume(one, `${FIELD}.volumes[${i}]`, settings);
  });
  checkMounts(config, settings.workspace_path);
  for (const name of config.pod?.image_pull_secrets ?? []) {
    requireAllowed(`secret/${name}`, 'allowed_objects', `${FIELD}.pod.image_pull_secrets`, settings);
  }
  checkPlacement(config.pod ?? {}, settings);
  const storageClass = config.workspace?.storage_class ?? settings.workspace_storage_class;
  if (storageClass !== settings.workspace_storage_class) {
    requireAllowed(storageClass, 'allowed_storage_classes', `${FIELD}.workspace.storage_class`, settings);
  }
  for (const key of ['run_as_user', 'run_as_group'] as const) {
    if (config.containers?.agent?.[key] === 0) {
      throw invalidArgument(`${FIELD}.containers.agent.${key}: sandboxes do not run as root`, {
        field: `${FIELD}.containers.agent.${key}`,
      });
    }
  }
  return config;
}

/** Where and how a Pod runs. */
function checkPlacement(pod: NonNullable<DriverConfig['pod']>, settings: KubernetesSettings): void {
  if (pod.runtime_class_name !== undefined) {
    checkRuntimeClass(pod.runtime_class_name, `${FIELD}.pod.runtime_class_name`, settings);
  }
  if (pod.priority_class_name !== undefined) {
    requireAllowed(
      pod.priority_class_name,
      'allowed_priority_classes',
      `${FIELD}.pod.priority_class_name`,
      settings,
    );
  }
  for (const [key, value] of Object.entries(pod.node_selector ?? {})) {
    requireAllowed(`${key}=${value}`, 'allowed_node_selectors', `${FIELD}.pod.node_selector`, settings);
  }
  // A toleration without a key tolerates every taint.
  for (const { key } of pod.tolerations ?? []) {
    requireAllowed(key ?? '*', 'allowed_tolerations', `${FIELD}.pod.tolerations`, settings);
  }
  if (pod.affinity !== undefined && !settings.allow_affinity) {
    throw notAllowed(`${FIELD}.pod.affinity`, 'affinity', 'allow_affinity', 'kubernetes');
  }
}

/** The operator's default is open to everyone. */
export function checkRuntimeClass(name: string, field: string, settings: KubernetesSettings): void {
  if (name !== settings.default_runtime_class_name) {
    requireAllowed(name, 'allowed_runtime_classes', field, settings);
  }
}

function checkVolume(one: VolumeConfig, field: string, settings: KubernetesSettings): void {
  if (one.name === undefined || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(one.name)) {
    throw invalidArgument(`${field}.name: must be a lower-case DNS label`, { field: `${field}.name` });
  }
  const sources = SOURCES.filter((source) => one[source] !== undefined);
  if (sources.length !== 1) {
    throw invalidArgument(`${field}: needs exactly one of ${SOURCES.join(', ')}`, { field });
  }
  const named = reference(one);
  if (named !== undefined) {
    requireAllowed(named, 'allowed_objects', field, settings);
  }
}

function reference(one: VolumeConfig): string | undefined {
  if (one.persistent_volume_claim) {
    return `persistentvolumeclaim/${one.persistent_volume_claim.claim_name ?? ''}`;
  }
  if (one.config_map) {
    return `configmap/${one.config_map.name ?? ''}`;
  }
  if (one.secret) {
    return `secret/${one.secret.secret_name ?? ''}`;
  }
  if (one.host_path) {
    return `hostpath/${one.host_path.path ?? ''}`;
  }
  return undefined;
}

function checkMounts(config: DriverConfig, workspacePath: string): void {
  const volumes = new Set(config.volumes?.map((one) => one.name));
  config.containers?.agent?.volume_mounts?.forEach((mount, i) => {
    const field = `${FIELD}.containers.agent.volume_mounts[${i}]`;
    if (!volumes.has(mount.name)) {
      throw invalidArgument(`${field}.name: is not one of the volumes`, { field });
    }
    const path = mount.mount_path ?? '';
    const inside = path === workspacePath || path.startsWith(`${workspacePath}/`);
    if (!path.startsWith('/') || path === '/' || path.split('/').includes('..') || inside) {
      throw invalidArgument(
        `${field}.mount_path: must be an absolute path other than / and outside ${workspacePath}`,
        { field },
      );
    }
  });
}
