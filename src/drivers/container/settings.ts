import { DEFAULT_WORKSPACE_PATH } from '../../compute/sandbox.js';
import { allowedSettings } from './allowed.js';
import { hostAccessSetting } from './host-access.js';
import { limitSettings } from './limits.js';

/** The keys of every container engine's table; an engine adds its own. */
export const containerSettings = {
  default_image: { type: 'string', default: '', doc: 'Image of sandboxes that name none.' },
  image_pull_policy: {
    type: 'string',
    default: 'missing',
    values: ['missing', 'always', 'never', 'IfNotPresent', 'Always', 'Never', ''],
    doc: 'When to pull an image: missing (also IfNotPresent or empty), always, never.',
  },
  sandbox_pids_limit: {
    type: 'integer',
    default: 2048,
    min: 0,
    max: 4_194_304,
    doc: 'Most processes and threads in a sandbox; 0 leaves it to the engine.',
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
