import type { Services } from '../../dist/gateway/services/services.js';
import type { SandboxRecord, TemplateRecord, WorkspaceRecord } from '../../dist/store/model.js';

const meta = {
  id: '6a1f0000-0000-4000-8000-000000000000',
  labels: { a: 'b' },
  annotations: {},
  createdAtMs: 1_700_000_000_000,
  deletionAtMs: 0,
  resourceVersion: 3,
};

const sandbox: SandboxRecord = {
  ...meta,
  name: 'one',
  workspace: 'default',
  driver: 'fake',
  spec: {
    logLevel: '',
    environment: {},
    template: {
      image: 'test:1',
      runtimeClassName: '',
      labels: {},
      annotations: {},
      environment: {},
      resources: undefined,
      userNamespaces: undefined,
      driverConfig: undefined,
    },
    gpu: undefined,
    command: [],
    tty: false,
    restartPolicy: 'never',
  },
  intent: 'run',
  phase: 'exited',
  exitCode: 0,
  reason: '',
  message: '',
  resourceName: 'fake-one',
  instanceId: 'i',
  conditions: [{ type: 'Ready', status: 'False', reason: 'R', message: 'm', transitionAtMs: 5 }],
  restarts: { count: 0, delayMs: 0, nextAtMs: 0 },
  startedAtMs: 4,
  fromTemplate: undefined,
};

const workspace: WorkspaceRecord = { ...meta, name: 'default', phase: 'active' };

const template: TemplateRecord = {
  ...meta,
  name: 't',
  workspace: 'default',
  image: '',
  environment: {},
  cpu: '',
  memory: '',
  gpu: undefined,
  driverConfig: undefined,
};

async function* rows<T>(item: T) {
  yield item;
  yield item;
}
function page<T>(item: T) {
  return { rows: rows(item), limit: 1, tokenAfter: () => 'next' };
}

/** Services to which every request is good: what remains is how requests are told, read and answered. */
export const stubServices: Services = {
  sandboxes: {
    create: async () => sandbox,
    get: async () => sandbox,
    getById: async () => sandbox,
    list: async () => page(sandbox),
    page: async () => page(sandbox),
    delete: async () => sandbox,
    gone: async () => true,
    stop: async () => sandbox,
    start: async () => sandbox,
    orphaned: () => undefined,
  },
  workspaces: {
    create: async () => workspace,
    get: async () => workspace,
    list: async () => page(workspace),
    page: async () => page(workspace),
    delete: async () => 'completed',
    resolveActive: async () => 'default',
    ensureDefault: async () => {},
  },
  templates: {
    create: async () => template,
    get: async () => template,
    list: async () => page(template),
    delete: async () => true,
  },
  exec: { run: async () => 0 },
  logs: { tail: async () => ({ lines: [], total: 0 }), follow: () => {} },
  watch: {
    async watch(_caller, _input, emit) {
      await emit({ type: 'sandbox', record: sandbox });
    },
  },
  info: { version: '0.0.0', readyDrivers: async () => [] },
  requests: { once: (_, __, work) => work(undefined), close: () => {} },
};
