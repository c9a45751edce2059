import { ceilingSettings } from '../../compute/ceilings.js';
import { DEFAULT_WORKSPACE_PATH } from '../../compute/sandbox.js';
import type { Settings, SettingsSchema } from '../../compute/settings.js';

/** Usual addresses of Pods, Services and nodes, cloud metadata services, reserved ranges, and IPv4 through NAT64. */
const NOT_THE_INTERNET = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '168.63.129.16/32',
  '192.0.0.0/24',
  '198.18.0.0/15',
  '224.0.0.0/4',
  '240.0.0.0/4',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
] as const;

/** `[openshell.drivers.kubernetes]`. */
export const settings = {
  kubeconfig: {
    type: 'string',
    default: '',
    doc: 'Path of a kubeconfig; empty: the service account of the Pod that the gateway runs in.',
  },
  context: { type: 'string', default: '', doc: 'Context of the kubeconfig; empty: its current one.' },
  namespace: {
    type: 'string',
    default: 'openshell',
    pattern: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    doc: 'Namespace of all sandboxes in workspace_mode shared; it must exist.',
  },
  workspace_mode: {
    type: 'string',
    default: 'shared',
    values: ['shared', 'managed'],
    doc: 'shared: one namespace for all; managed: the driver creates one namespace for each workspace.',
  },
  sandbox_api: {
    type: 'string',
    default: 'pod',
    values: ['pod', 'agents.x-k8s.io/v1alpha1', 'agents.x-k8s.io/v1beta1'],
    doc: 'What a sandbox is in the cluster: a Pod, or a Sandbox of the agent-sandbox controller.',
  },
  default_image: { type: 'string', default: '', doc: 'Image of sandboxes that specify none.' },
  image_pull_policy: {
    type: 'string',
    default: '',
    values: ['', 'Always', 'IfNotPresent', 'Never'],
    doc: 'When a node pulls the image; empty: as Kubernetes decides from the tag.',
  },
  image_pull_secrets: {
    type: 'strings',
    default: [],
    doc: 'Secrets of the namespace that every sandbox pulls its image with.',
  },
  service_account_name: {
    type: 'string',
    default: 'default',
    doc: 'Service account of the Pods; its token is never mounted.',
  },
  default_runtime_class_name: {
    type: 'string',
    default: '',
    doc: 'RuntimeClass of sandboxes that specify none, e.g. gvisor; others must be in allowed_runtime_classes.',
  },
  workspace_path: {
    type: 'string',
    default: DEFAULT_WORKSPACE_PATH,
    pattern: /^\/[^\0:]*[^\0:/]$/,
    doc: 'Directory whose files survive stop and start.',
  },
  workspace_default_storage_size: {
    type: 'string',
    default: '2Gi',
    doc: 'Size of the volume at the workspace path; 0: none, and a sandbox cannot be stopped.',
  },
  workspace_storage_class: {
    type: 'string',
    default: '',
    doc: "StorageClass of that volume; empty: the cluster's default.",
  },
  sandbox_uid: {
    type: 'integer',
    default: 1000,
    min: 1,
    max: 2 ** 31 - 1,
    doc: 'User that a sandbox runs as.',
  },
  sandbox_gid: {
    type: 'integer',
    default: 1000,
    min: 1,
    max: 2 ** 31 - 1,
    doc: 'Group of that user and of the workspace volume.',
  },
  read_only_root: {
    type: 'boolean',
    default: false,
    doc: 'Makes everything but the workspace path and /tmp read-only.',
  },
  default_cpu_limit: {
    type: 'string',
    default: '2',
    doc: 'CPU limit of sandboxes that specify none; empty: max_cpu_limit.',
  },
  default_memory_limit: {
    type: 'string',
    default: '4Gi',
    doc: 'Memory limit of sandboxes that specify none; empty: max_memory_limit.',
  },
  default_cpu_request: {
    type: 'string',
    default: '100m',
    doc: 'CPU that the scheduler reserves by default.',
  },
  default_memory_request: {
    type: 'string',
    default: '128Mi',
    doc: 'Memory that the scheduler reserves by default.',
  },
  default_disk_limit: {
    type: 'string',
    default: '10Gi',
    doc: 'ephemeral-storage limit, for writes outside the workspace, of sandboxes that specify none; empty: max_disk_limit.',
  },
  max_cpu_limit: { ...ceilingSettings.max_cpu_limit, default: '16' },
  max_memory_limit: { ...ceilingSettings.max_memory_limit, default: '64Gi' },
  max_disk_limit: {
    type: 'string',
    default: '100Gi',
    doc: 'Most ephemeral-storage that a sandbox may ask for; also the largest empty_dir.',
  },
  max_storage_size: {
    type: 'string',
    default: '100Gi',
    doc: 'Largest workspace volume that a sandbox may ask for.',
  },
  max_gpus: ceilingSettings.max_gpus,
  allowed_objects: {
    type: 'strings',
    default: [],
    doc: 'Objects that driver_config may use, as kind/name: persistentvolumeclaim/data, secret/registry, configmap/settings, or hostpath/ and an absolute path.',
  },
  allowed_labels: {
    type: 'strings',
    default: [],
    doc: 'Labels that a template may set on its Pod, by key or by a prefix and *: example.com/*. Services and NetworkPolicies select by labels.',
  },
  allowed_annotations: {
    type: 'strings',
    default: [],
    doc: 'Annotations that a template may set on its Pod, by key or by a prefix and *. Runtimes, networks and clouds act on annotations.',
  },
  allowed_runtime_classes: {
    type: 'strings',
    default: [],
    doc: 'RuntimeClasses that a sandbox may ask for besides default_runtime_class_name.',
  },
  allowed_priority_classes: {
    type: 'strings',
    default: [],
    doc: 'PriorityClasses that a sandbox may ask for.',
  },
  allowed_storage_classes: {
    type: 'strings',
    default: [],
    doc: 'StorageClasses that a sandbox may ask for besides workspace_storage_class.',
  },
  allowed_node_selectors: {
    type: 'strings',
    default: [],
    doc: 'Node labels that a sandbox may select, as key=value; may end in *: disk=*.',
  },
  allowed_tolerations: {
    type: 'strings',
    default: [],
    doc: 'Keys of taints that a sandbox may tolerate; may end in *. Only * itself allows a toleration of every taint.',
  },
  allow_affinity: {
    type: 'boolean',
    default: false,
    doc: 'Whether a sandbox may choose nodes and neighbours by affinity.',
  },
  allowed_resources: {
    type: 'strings',
    default: [],
    doc: 'Other resources that a sandbox may ask for, e.g. hugepages-2Mi or amd.com/*; CPU, memory, disk and GPUs have ceilings.',
  },
  trust_unsigned_claims: {
    type: 'boolean',
    default: false,
    doc: 'Start stopped sandboxes whose claims were created without a signature, and sign them; for use during an upgrade.',
  },
  network_policy: {
    type: 'boolean',
    default: true,
    doc: 'Maintain NetworkPolicies in each namespace that block connections to sandboxes and let them reach only DNS and the internet.',
  },
  sandbox_egress_except: {
    type: 'strings',
    default: NOT_THE_INTERNET,
    doc: "IP ranges that network_policy does not count as internet: private, link-local, metadata and reserved ones; add your cluster's if they differ.",
  },
  stop_timeout_secs: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 3600,
    unit: 's',
    doc: 'How long a process may take to exit after SIGTERM.',
  },
  schedule_timeout_secs: {
    type: 'integer',
    default: 300,
    min: 1,
    max: 86_400,
    unit: 's',
    doc: 'How long a sandbox may wait for a node with enough room.',
  },
  api_timeout_secs: {
    type: 'integer',
    default: 30,
    min: 1,
    max: 600,
    unit: 's',
    doc: 'Deadline of one call to the API server, its retries included.',
  },
  api_qps: { type: 'integer', default: 100, min: 1, max: 10_000, doc: 'Calls per second to the API server.' },
  api_burst: {
    type: 'integer',
    default: 200,
    min: 1,
    max: 10_000,
    doc: 'Calls in a burst after a quiet time.',
  },
} as const satisfies SettingsSchema;

export type KubernetesSettings = Settings<typeof settings>;
