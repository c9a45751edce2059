import type { DriverSandbox, SandboxSpec, SandboxTemplate } from '../../dist/compute/sandbox.js';
import { engineCeilings } from '../../dist/drivers/container/limits.js';
import { planSandbox } from '../../dist/drivers/docker/container-spec.js';
import docker from '../../dist/drivers/docker/entry.js';
import type { DockerSettings } from '../../dist/drivers/docker/settings.js';

export type Change = Partial<Omit<SandboxSpec, 'template'>> & { template?: Partial<SandboxTemplate> };

export const NO_RESOURCES = { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' };

export function sandboxWith(change: Change = {}): DriverSandbox {
  return {
    id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
    name: 'box',
    workspace: 'default',
    namespace: 'ns',
    spec: {
      logLevel: '',
      environment: {},
      gpu: undefined,
      command: [],
      tty: false,
      ...change,
      template: {
        image: 'image:1',
        labels: {},
        environment: {},
        resources: NO_RESOURCES,
        platformConfig: {},
        driverConfig: {},
        ...change.template,
      },
    },
  };
}

/** What the driver would make of a sandbox, with the operator's settings changed. */
export function plan(change: Change = {}, settings: Partial<DockerSettings> = {}) {
  const defaults = Object.fromEntries(
    Object.entries(docker.settings).map(([key, setting]) => [
      key,
      'default' in setting ? setting.default : undefined,
    ]),
  ) as DockerSettings;
  const all = { ...defaults, ...settings };
  return planSandbox(sandboxWith(change), {
    owner: { gatewayId: 'gateway-1', version: '1.2.3' },
    settings: all,
    ceilings: engineCeilings(all, { cpus: 16, memoryBytes: 64 * 1024 ** 3 }, 'docker'),
    diskBytes: all.default_disk_limit === '' ? undefined : 1024 ** 3,
  });
}
