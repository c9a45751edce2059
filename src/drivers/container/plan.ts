import { type Ceilings, withinCeilings } from '../../compute/ceilings.js';
import { invalidArgument } from '../../compute/errors.js';
import { ownerLabels, RESERVED_LABEL_PREFIX } from '../../compute/labels.js';
import type { DriverSandbox, JsonObject, SandboxResources } from '../../compute/sandbox.js';
import type { Settings } from '../../compute/settings.js';
import { checkNames } from './allowed.js';
import { checkMounts } from './mount-parts.js';
import type { containerSettings } from './settings.js';

/** What one gateway makes containers with. */
export interface PlanContext {
  readonly owner: { readonly gatewayId: string; readonly version: string };
  readonly settings: Settings<typeof containerSettings>;
  readonly ceilings: Ceilings;
  /** Most that a container may write to its root; undefined: no limit. */
  readonly diskBytes: number | undefined;
}

interface Checked {
  /** The sandbox's own and the owner's. */
  readonly labels: Readonly<Record<string, string>>;
  /** With the operator's defaults. */
  readonly resources: SandboxResources;
}

/** Refuses what no container engine may be asked for: foreign mounts and devices, reserved labels, too much. */
export function checkSandbox(
  driver: string,
  sandbox: DriverSandbox,
  { owner, settings, ceilings }: PlanContext,
  config: {
    readonly mounts: readonly { readonly type: string; readonly source?: string; readonly target: string }[];
    readonly cdiDevices: readonly string[];
  },
): Checked {
  const { template, gpu } = sandbox.spec;
  for (const key of Object.keys(template.labels)) {
    if (!key.startsWith(RESERVED_LABEL_PREFIX)) {
      continue;
    }
    throw invalidArgument(`spec.template.labels: '${key}' is the gateway's own`, {
      field: 'spec.template.labels',
    });
  }
  checkMounts(config.mounts, {
    driver,
    bindMounts: settings.enable_bind_mounts,
    workspacePath: settings.workspace_path,
  });
  checkNames(settings, driver, { devices: config.cdiDevices, mounts: config.mounts });
  return {
    labels: { ...template.labels, ...ownerLabels(owner, sandbox) },
    resources: withinCeilings(template.resources, gpu, ceilings),
  };
}

/**
 * `platform_config.host_users`, the one key that has a meaning for containers. INVALID_ARGUMENT for any other that says
 * more than the default, and for a value of `host_users` that is not among `takes`.
 */
export function hostUsers(
  driver: string,
  platform: JsonObject,
  takes: readonly boolean[],
): boolean | undefined {
  for (const [key, value] of Object.entries(platform)) {
    const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (isEmpty || (key === 'host_users' && takes.includes(value as boolean))) {
      continue;
    }
    throw invalidArgument(`platform_config.${key}: the ${driver} driver has no such setting`, {
      field: `spec.template.platform_config.${key}`,
      hint: 'leave it out, or choose a driver that has it',
    });
  }
  return typeof platform.host_users === 'boolean' ? platform.host_users : undefined;
}
