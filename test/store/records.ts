import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import type {
  SandboxRecord,
  StoredRequest,
  TemplateRecord,
  WorkspaceRecord,
} from '../../dist/store/model.js';
import type { Store } from '../../dist/store/store.js';

/** A path for a database in a folder that goes with the test. */
export const databasePath = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'openshell-store-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'state', 'openshell.db');
};

/** An open store with the workspace `default`; closed with the test. */
export const storeWithDefault = async (t: TestContext, path = databasePath(t)): Promise<Store> => {
  const store = await openStore({ path });
  t.after(() => store.close());
  await store.insertWorkspace(workspace('default'));
  return store;
};

export const workspace = (
  name: string,
  more: Partial<WorkspaceRecord> = {},
): Omit<WorkspaceRecord, 'resourceVersion'> => ({
  id: `workspace-${name}`,
  name,
  labels: {},
  annotations: {},
  createdAtMs: 1,
  deletionAtMs: 0,
  phase: 'active',
  ...more,
});

export const sandbox = (
  id: string,
  more: Partial<SandboxRecord> = {},
): Omit<SandboxRecord, 'resourceVersion'> => ({
  id,
  name: `name-${id}`,
  workspace: 'default',
  driver: 'docker',
  labels: {},
  annotations: {},
  createdAtMs: 1,
  deletionAtMs: 0,
  spec: {
    logLevel: '',
    environment: { GREETING: 'grüße\n"quoted"' },
    template: {
      image: 'busybox:1',
      runtimeClassName: '',
      labels: {},
      annotations: {},
      environment: {},
      resources: { limits: { cpu: '500m' } },
      userNamespaces: undefined,
      driverConfig: undefined,
    },
    gpu: undefined,
    command: ['sleep', '1'],
    tty: false,
    restartPolicy: 'never',
  },
  intent: 'run',
  phase: 'provisioning',
  exitCode: undefined,
  reason: '',
  message: '',
  resourceName: '',
  instanceId: '',
  conditions: [],
  restarts: { count: 0, delayMs: 0, nextAtMs: 0 },
  startedAtMs: 0,
  fromTemplate: undefined,
  ...more,
});

export const template = (
  id: string,
  more: Partial<TemplateRecord> = {},
): Omit<TemplateRecord, 'resourceVersion'> => ({
  id: `template-${id}`,
  name: `name-${id}`,
  workspace: 'default',
  labels: {},
  annotations: {},
  createdAtMs: 1,
  deletionAtMs: 0,
  image: 'busybox:1',
  environment: { A: 'b' },
  cpu: '500m',
  memory: '',
  gpu: undefined,
  driverConfig: { docker: { network: 'none' } },
  ...more,
});

export const request = (requestId: string, more: Partial<StoredRequest> = {}): StoredRequest => ({
  subject: 'me',
  requestId,
  fingerprint: 'f',
  answer: '{}',
  createdAtMs: 1,
  ...more,
});

/** A value as the store gives it back: a field that is undefined may be missing. */
export const plain = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)));
