import { randomUUID } from 'node:crypto';
import type {
  DriverSandbox,
  SandboxResources,
  SandboxSpec,
  SandboxTemplate,
} from '../../dist/compute/sandbox.js';

export type SpecChange = Partial<Omit<SandboxSpec, 'template'>> & { template?: Partial<SandboxTemplate> };

export const NO_RESOURCES: SandboxResources = {
  cpuRequest: '',
  cpuLimit: '',
  memoryRequest: '',
  memoryLimit: '',
};

/** A sandbox to create, with an id and a name that nothing else has unless `more` gives them. */
export function aSandbox(
  image: string,
  change: SpecChange = {},
  more: Partial<DriverSandbox> = {},
): DriverSandbox {
  const id = randomUUID();
  return {
    id,
    name: `t-${id.slice(0, 8)}`,
    workspace: 'default',
    namespace: 'test',
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
        resources: NO_RESOURCES,
        platformConfig: {},
        driverConfig: {},
        ...change.template,
      },
    },
    ...more,
  };
}

/** The resources of a template with only these asked for. */
export function limits(cpuLimit: string, memoryLimit: string): SandboxResources {
  return { ...NO_RESOURCES, cpuLimit, memoryLimit };
}
