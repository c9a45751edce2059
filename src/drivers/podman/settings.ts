import { DEFAULT_WORKSPACE_PATH } from '../../compute/sandbox.js';
import type { Settings, SettingsSchema } from '../../compute/settings.js';
import { allowedSettings } from '../container/allowed.js';
import { limitSettings } from '../container/engine-limits.js';
import { hostAccessSetting } from '../container/host-access.js';

export const podmanSettings = {
  engine_socket: {
    type: 'string',
    doc: "Path of Podman's API socket. Default: OPENSHELL_PODMAN_SOCKET, then the user's, then the system's.",
  },
  default_image: { type: 'string', default: '', doc: 'Image of sandboxes that name none.' },
  image_pull_policy: {
    type: 'string',
    default: 'missing',
    values: ['missing', 'always', 'never', 'newer'],
    doc: 'When an image is pulled before a sandbox is made.',
  },
  network_name: {
    type: 'string',
    default: '',
    pattern: /^[A-Za-z0-9_.-]*$/,
    doc: 'Network of the sandboxes: empty for one apart from all other sandboxes, none, or the name of a network that exists.',
  },
  isolation_rule: {
    type: 'boolean',
    default: true,
    doc: "Add a rule to the host's iptables that keeps sandboxes apart where netavark's own goes away; needs root.",
  },
  stop_timeout_secs: {
    type: 'integer',
    default: 10,
    min: 0,
    max: 3_600,
    unit: 'seconds',
    doc: 'From the request to stop to the kill.',
  },
  sandbox_pids_limit: {
    type: 'integer',
    default: 2_048,
    min: 0,
    doc: 'Processes and threads in one sandbox; 0 sets no limit.',
  },
  ...limitSettings,
  limits: {
    type: 'string',
    default: 'strict',
    values: ['strict', 'best-effort'],
    doc: 'What to do with a limit that this host cannot enforce: refuse the sandbox, or run it without the limit.',
  },
  workspace_path: {
    type: 'string',
    default: DEFAULT_WORKSPACE_PATH,
    pattern: /^(\/[^/\s:,]+)+$/,
    doc: "The sandbox's working directory, kept across stop and start.",
  },
  workspace_volume: {
    type: 'boolean',
    default: false,
    doc: 'Keep the workspace path of every sandbox on a named volume of its own.',
  },
  enable_bind_mounts: {
    type: 'boolean',
    default: false,
    doc: "Allow driver_config to mount the host's folders into a sandbox.",
  },
  ...allowedSettings,
  ...hostAccessSetting,
  userns: {
    type: 'string',
    values: ['auto', 'host', 'keep-id', 'no-map', 'private'],
    doc: "User namespace of the sandboxes. Default: OPENSHELL_PODMAN_USERNS, then the engine's own choice.",
  },
  uidmap: {
    type: 'strings',
    default: [],
    doc: 'User ids inside and outside, \'inside:outside:count\' each; needs userns = "private".',
  },
  gidmap: {
    type: 'strings',
    default: [],
    doc: "Group ids inside and outside, 'inside:outside:count' each; default: as uidmap.",
  },
} as const satisfies SettingsSchema;

export type PodmanSettings = Settings<typeof podmanSettings>;
