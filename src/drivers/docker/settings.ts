import { DEFAULT_WORKSPACE_PATH } from '../../compute/sandbox.js';
import type { Settings } from '../../compute/settings.js';
import { allowedSettings } from '../container/allowed.js';
import { limitSettings } from '../container/engine-limits.js';
import { hostAccessSetting } from '../container/host-access.js';

/** The keys of `[openshell.drivers.docker]`. */
export const dockerSettings = {
  engine_socket: {
    type: 'string',
    pattern: /^\/.+$/,
    doc: 'Path of the Docker engine socket. Default: DOCKER_HOST, then the usual places.',
  },
  default_image: {
    type: 'string',
    default: '',
    doc: 'Image of sandboxes that name none.',
  },
  image_pull_policy: {
    type: 'string',
    default: 'missing',
    values: ['missing', 'always', 'never', 'IfNotPresent', 'Always', 'Never', ''],
    doc: 'When to pull an image: missing (also IfNotPresent or empty), always, never.',
  },
  network_name: {
    type: 'string',
    default: 'openshell-docker',
    pattern: /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/,
    doc: 'Bridge network of the sandboxes; made on demand, without traffic between containers.',
  },
  sandbox_pids_limit: {
    type: 'integer',
    default: 2048,
    min: 0,
    max: 4_194_304,
    doc: 'Most processes in a sandbox; 0 leaves it to the engine.',
  },
  ...limitSettings,
  enable_bind_mounts: {
    type: 'boolean',
    default: false,
    doc: 'Whether a sandbox may mount folders of the host.',
  },
  ...allowedSettings,
  ...hostAccessSetting,
  stop_timeout_secs: {
    type: 'integer',
    default: 10,
    min: 0,
    max: 3600,
    unit: 's',
    doc: 'How long a main process may take to end before it is killed.',
  },
  workspace_path: {
    type: 'string',
    default: DEFAULT_WORKSPACE_PATH,
    pattern: /^(\/[^/\0:]+)+$/,
    doc: 'Working directory of a sandbox, kept across stop and start.',
  },
} as const;

export type DockerSettings = Settings<typeof dockerSettings>;

export type PullPolicy = 'missing' | 'always' | 'never';

/** The setting's words and OpenShell's own spellings, as one of three. */
export function pullPolicy(settings: DockerSettings): PullPolicy {
  const word = settings.image_pull_policy.toLowerCase();
  return word === 'always' || word === 'never' ? word : 'missing';
}
