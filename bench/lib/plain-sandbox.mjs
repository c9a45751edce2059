/** What a driver is asked to create for a request that says nothing but its name. */
export function plainSandbox(owner, name, image) {
  return {
    ...{ id: `${owner}-${name}`, name, workspace: 'default', namespace: 'default' },
    spec: {
      ...{ logLevel: '', environment: {}, gpu: undefined, command: [], tty: false },
      template: {
        ...{ image, labels: {}, environment: {}, platformConfig: {}, driverConfig: {} },
        resources: { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' },
      },
    },
  };
}
