import { invalidArgument } from '../../compute/errors.js';
import { LABEL, ownerLabels, RESERVED_LABEL_PREFIX } from '../../compute/labels.js';
import { parseMemoryBytes } from '../../compute/quantity.js';
import { type DriverSandbox, IDLE_COMMAND, type Json, type JsonObject } from '../../compute/sandbox.js';
import { requireAllowed } from './allowed.js';
import {
  checkRuntimeClass,
  type DriverConfig,
  FIELD,
  readDriverConfig,
  type VolumeConfig,
} from './driver-config.js';
import { emptyDirOf, resourcesOf, storageWithin } from './limits.js';
import { CONTAINER, type Place, WORKSPACE_VOLUME } from './names.js';
import type { Pod } from './objects.js';
import type { KubernetesSettings } from './settings.js';
import { anyObject, flag, mapOf, objectOf, text } from './shape.js';

export interface GatewayIdentity {
  readonly gatewayId: string;
  readonly version: string;
}

/** A sandbox's objects in the cluster. */
export interface Plan {
  readonly place: Place;
  readonly labels: Record<string, string>;
  readonly pod: Pod;
  /** Undefined: an emptyDir is mounted at the workspace path. */
  readonly workspace: { readonly size: string; readonly storageClass: string } | undefined;
}

const platformShape = objectOf({
  annotations: mapOf((value, field) => (value === '' ? '' : text(value, field))),
  runtime_class_name: text,
  host_users: flag,
  resources_raw: anyObject,
});

/** Has no side effects. INVALID_ARGUMENT and FAILED_PRECONDITION for sandboxes that cannot be run. */
export function planSandbox(
  sandbox: DriverSandbox,
  place: Place,
  gateway: GatewayIdentity,
  settings: KubernetesSettings,
): Plan {
  const { template } = sandbox.spec;
  const config = readDriverConfig(template.driverConfig, settings);
  const platform = platformShape(template.platformConfig, 'spec.template');
  const labels = {
    ...allowedOnly(template.labels, 'labels', settings),
    ...ownerLabels({ ...gateway, version: labelValue(gateway.version) }, sandbox),
  };
  if (platform.runtime_class_name !== undefined) {
    checkRuntimeClass(platform.runtime_class_name, 'spec.template.runtime_class_name', settings);
  }
  const resources = resourcesOf(sandbox, platform.resources_raw, settings);
  const size =
    config.workspace?.storage_size === undefined
      ? settings.workspace_default_storage_size
      : storageWithin(config.workspace.storage_size, `${FIELD}.workspace.storage_size`, settings);
  const workspace =
    parseMemoryBytes(size, 'workspace_default_storage_size') === 0
      ? undefined
      : { size, storageClass: config.workspace?.storage_class ?? settings.workspace_storage_class };
  const agent = config.containers?.agent;
  const readOnlyRoot = agent?.read_only_root_filesystem ?? settings.read_only_root;
  const runtimeClassName =
    config.pod?.runtime_class_name ?? platform.runtime_class_name ?? settings.default_runtime_class_name;
  const hostUsers = config.pod?.host_users ?? platform.host_users;
  const pullPolicy = agent?.image_pull_policy ?? settings.image_pull_policy;
  const pullSecrets = [...settings.image_pull_secrets, ...(config.pod?.image_pull_secrets ?? [])];
  const pod = config.pod;
  const plain: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: place.name,
      namespace: place.namespace,
      labels,
      annotations: allowedOnly(platform.annotations ?? {}, 'annotations', settings),
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      serviceAccountName: settings.service_account_name,
      terminationGracePeriodSeconds: settings.stop_timeout_secs,
      hostname: sandbox.name,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: agent?.run_as_user ?? settings.sandbox_uid,
        runAsGroup: agent?.run_as_group ?? settings.sandbox_gid,
        fsGroup: agent?.run_as_group ?? settings.sandbox_gid,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(runtimeClassName && { runtimeClassName }),
      ...(hostUsers !== undefined && { hostUsers }),
      ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecrets.map((name) => ({ name })) }),
      ...(pod?.node_selector && { nodeSelector: pod.node_selector }),
      ...(pod?.tolerations && {
        tolerations: pod.tolerations.map(({ toleration_seconds, ...rest }) => ({
          ...rest,
          ...(toleration_seconds !== undefined && { tolerationSeconds: toleration_seconds }),
        })),
      }),
      ...(pod?.affinity && { affinity: pod.affinity }),
      ...(pod?.priority_class_name && { priorityClassName: pod.priority_class_name }),
      containers: [
        {
          name: CONTAINER,
          image: template.image,
          command: [...(sandbox.spec.command.length > 0 ? sandbox.spec.command : IDLE_COMMAND)].map(literal),
          env: environment(sandbox),
          workingDir: settings.workspace_path,
          ...(pullPolicy && { imagePullPolicy: pullPolicy }),
          ...(sandbox.spec.tty && { tty: true }),
          // A shell without a terminal reads commands from stdin until it is closed.
          ...((sandbox.spec.tty || sandbox.spec.command.length > 0) && { stdin: true, stdinOnce: false }),
          resources: resources as unknown as Record<string, never>,
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
            readOnlyRootFilesystem: readOnlyRoot,
          },
          volumeMounts: mounts(config, settings.workspace_path, readOnlyRoot),
        },
      ],
      volumes: [
        {
          name: WORKSPACE_VOLUME,
          ...(workspace
            ? { persistentVolumeClaim: { claimName: place.name } }
            : { emptyDir: emptyDirOf({}, FIELD, resources, settings) }),
        },
        ...(readOnlyRoot ? [{ name: 'tmp', emptyDir: emptyDirOf({}, FIELD, resources, settings) }] : []),
        ...(config.volumes ?? []).map((one, i) =>
          toVolume(one, (asked) =>
            emptyDirOf(asked, `${FIELD}.volumes[${i}].empty_dir`, resources, settings),
          ),
        ),
      ],
    },
  };
  return { place, labels, pod: plain, workspace };
}

/** Refuses labels or annotations that the operator does not allow, or that are reserved for the gateway. */
function allowedOnly(
  requested: Readonly<Record<string, string>>,
  kind: 'labels' | 'annotations',
  settings: KubernetesSettings,
): Record<string, string> {
  const field = `spec.template.${kind}`;
  for (const key of Object.keys(requested)) {
    if (key.startsWith(RESERVED_LABEL_PREFIX)) {
      throw invalidArgument(`${field}: '${key}' is reserved`, { field });
    }
    requireAllowed(key, `allowed_${kind}`, field, settings);
  }
  return { ...requested };
}

/** Versions such as 1.2.3+build contain characters that labels may not. */
function labelValue(text: string): string {
  return text.replace(/[^A-Za-z0-9_.-]/g, '-').slice(0, 63);
}

/** The kubelet expands $(NAME) in commands and values, and reads $$ as $. */
function literal(value: string): string {
  return value.replaceAll('$', '$$$$');
}

function environment({ id, name, spec }: DriverSandbox): { name: string; value: string }[] {
  const variables = {
    ...spec.template.environment,
    ...spec.environment,
    OPENSHELL_SANDBOX_ID: id,
    OPENSHELL_SANDBOX: name,
  };
  return Object.entries(variables).map(([key, value]) => ({ name: key, value: literal(value) }));
}

function mounts(config: DriverConfig, workspacePath: string, readOnlyRoot: boolean): Json[] {
  return [
    { name: WORKSPACE_VOLUME, mountPath: workspacePath },
    ...(readOnlyRoot ? [{ name: 'tmp', mountPath: '/tmp' }] : []),
    ...(config.containers?.agent?.volume_mounts ?? []).map((mount) => ({
      name: mount.name as string,
      mountPath: mount.mount_path as string,
      readOnly:
        mount.read_only ?? config.volumes?.find((one) => one.name === mount.name)?.empty_dir === undefined,
      ...(mount.sub_path !== undefined && { subPath: mount.sub_path }),
    })),
  ];
}

type EmptyDir = NonNullable<VolumeConfig['empty_dir']>;

function toVolume(one: VolumeConfig, emptyDir: (asked: EmptyDir) => JsonObject): JsonObject {
  const name = one.name as string;
  if (one.persistent_volume_claim) {
    const { claim_name, read_only } = one.persistent_volume_claim;
    return { name, persistentVolumeClaim: { claimName: claim_name as string, readOnly: read_only ?? false } };
  }
  if (one.config_map) {
    return { name, configMap: { name: one.config_map.name as string } };
  }
  if (one.secret) {
    return { name, secret: { secretName: one.secret.secret_name as string } };
  }
  if (one.host_path) {
    return { name, hostPath: { path: one.host_path.path as string } };
  }
  return { name, emptyDir: emptyDir(one.empty_dir ?? {}) };
}

/** Whether a Pod or claim belongs to this gateway's sandbox. */
export function isOf(labels: Record<string, string> | undefined, gatewayId: string, id: string): boolean {
  return labels?.[LABEL.gatewayId] === gatewayId && labels[LABEL.sandboxId] === id;
}
