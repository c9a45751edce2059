import type { SandboxSpec, SandboxTemplate } from '../../dist/compute/sandbox.js';
import type { Pod, PodStatus } from '../../dist/drivers/kubernetes/objects.js';
import { type KubernetesSettings, settings } from '../../dist/drivers/kubernetes/settings.js';
import { tableOf } from '../support/driver-context.js';
import { aSandbox } from '../support/sandboxes.js';

export const GATEWAY = '0b9f1c6e-54c1-4f0e-9a5c-1e2d3c4b5a69';

export function defaults(given: Partial<KubernetesSettings> = {}): KubernetesSettings {
  return tableOf(settings, given);
}

export function sandbox(spec: Partial<SandboxSpec> = {}, template: Partial<SandboxTemplate> = {}) {
  const identity = { id: 'id-1', name: 'box', workspace: 'team', namespace: 'default' };
  return aSandbox('image:1', { ...spec, template }, identity);
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
