import { randomUUID } from 'node:crypto';
import type { DriverSandbox, SandboxSpec, SandboxTemplate } from '../../dist/compute/sandbox.js';

export type SpecChange = Partial<Omit<SandboxSpec, 'template'>> & { template?: Partial<SandboxTemplate> };

/** A sandbox to create, with an id and a name that nothing else has. */
export function aSandbox(image: string, change: SpecChange = {}): DriverSandbox {
  const id = randomUUID();
  return {
    id,
    name: `t-${id.slice(0, 8)}`,
    workspace: 'default',
    namespace: 'conformance',
    spec: {
      logLevel: '',
      environment: {},
      gpu: undefined,
      command: [],
      tty: false,
      ...change,
      template: {
        image,
        labels: {},
        environment: {},
        resources: { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' },
        platformConfig: {},
        driverConfig: {},
        ...change.template,
      },
    },
  };
}

/** The resources of a template with only these asked for. */
export function limits(cpuLimit: string, memoryLimit: string) {
  return {
    cpuRequest: '',
    cpuLimit,
    memoryRequest: '',
    memoryLimit,
  };
}
