import { engineCeilings } from '../../dist/drivers/container/limits.js';
import type { Info } from '../../dist/drivers/podman/api/types.js';
import { type Plan, planSandbox } from '../../dist/drivers/podman/container-spec.js';
import { type PodmanHost, readHost } from '../../dist/drivers/podman/host.js';
import { type PodmanSettings, podmanSettings } from '../../dist/drivers/podman/settings.js';
import { usernsChoice } from '../../dist/drivers/podman/userns.js';
import { tableOf } from '../support/driver-context.js';
import { aSandbox, type SpecChange } from '../support/sandboxes.js';

export const GATEWAY_ID = 'b7f1c1a0-0000-4000-8000-000000000001';

/** Podman's description of a host on which all works, with `change` in it. */
export function info(change: Partial<Info['host']> = {}): Info {
  return {
    host: {
      cpus: 16,
      memTotal: 64 * 1024 ** 3,
      cgroupVersion: 'v2',
      cgroupControllers: ['cpu', 'memory', 'pids'],
      eventLogger: 'journald',
      networkBackend: 'netavark',
      slirp4netns: { executable: '' },
      security: { rootless: false, seccompEnabled: true },
      ...change,
    },
    store: { graphDriverName: 'overlay', graphRoot: '/nowhere', graphStatus: null },
    version: { Version: '5.2.0', APIVersion: '5.2.0' },
  };
}

export interface PlanOptions {
  readonly settings?: Partial<PodmanSettings>;
  readonly host?: PodmanHost;
  readonly env?: Record<string, string>;
}

/** The plan for a sandbox on a host on which all works. */
export function plan(change: SpecChange = {}, options: PlanOptions = {}): Plan {
  const settings = tableOf(podmanSettings, options.settings);
  const host = options.host ?? readHost(info());
  return planSandbox(aSandbox('image:1', change), {
    owner: { gatewayId: GATEWAY_ID, version: '0.1.0' },
    settings,
    userns: usernsChoice({ ...settings, env: options.env ?? {} }),
    host,
    ceilings: engineCeilings(settings, host.size, 'podman'),
    diskBytes: settings.default_disk_limit === '' ? undefined : 1024 ** 3,
  });
}
