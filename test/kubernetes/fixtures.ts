import type { DriverSandbox, SandboxSpec, SandboxTemplate } from '../../dist/compute/sandbox.js';
import type { Pod, PodStatus } from '../../dist/drivers/kubernetes/objects.js';
import { type KubernetesSettings, settings } from '../../dist/drivers/kubernetes/settings.js';

export const GATEWAY = '0b9f1c6e-54c1-4f0e-9a5c-1e2d3c4b5a69';

export function defaults(given: Partial<KubernetesSettings> = {}): KubernetesSettings {
  return {
    ...Object.fromEntries(Object.entries(settings).map(([key, one]) => [key, one.default])),
    ...given,
  } as KubernetesSettings;
}

export function sandbox(
  spec: Partial<SandboxSpec> = {},
  template: Partial<SandboxTemplate> = {},
): DriverSandbox {
  return {
    id: 'id-1',
    name: 'box',
    workspace: 'team',
    namespace: 'default',
    spec: {
      logLevel: '',
      environment: {},
      gpu: undefined,
      command: [],
      tty: false,
      ...spec,
      template: {
        image: 'image:1',
        labels: {},
        environment: {},
        resources: { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' },
        platformConfig: {},
        driverConfig: {},
        ...template,
      },
    },
  };
}

export function podWith(status: PodStatus, more: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'team--box', uid: 'u1', creationTimestamp: '2026-01-01T00:00:00Z', ...more },
    spec: {
      nodeName: 'n1',
      containers: [
        { name: 'agent', image: 'image:1', command: ['/bin/app'], resources: { limits: { memory: '64Mi' } } },
      ],
    },
    status,
  };
}
