import type { Settings, SettingsSchema } from '../../compute/settings.js';
import { containerSettings } from '../container/settings.js';

const { image_pull_policy: policy, workspace_path: path } = containerSettings;

/** The keys of `[openshell.drivers.podman]`. */
export const podmanSettings = {
  engine_socket: {
    type: 'string',
    doc: "Path of Podman's API socket. Default: OPENSHELL_PODMAN_SOCKET, then the user's, then the system's.",
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
  ...containerSettings,
  image_pull_policy: {
    ...policy,
    values: [...policy.values, 'newer'],
    doc: "When to pull an image: missing (also IfNotPresent or empty), always, never, newer (when the registry's is).",
  },
  // Podman parts the options of a mount by commas.
  workspace_path: { ...path, pattern: /^(\/[^/\s:,]+)+$/ },
  limits: {
    type: 'string',
    default: 'strict',
    values: ['strict', 'best-effort'],
    doc: 'What to do with a limit that this host cannot enforce: refuse the sandbox, or run it without the limit.',
  },
  workspace_volume: {
    type: 'boolean',
    default: false,
    doc: 'Keep the workspace path of every sandbox on a named volume of its own.',
  },
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
