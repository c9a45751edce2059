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
import { tempFolder } from '../support/folder.js';

/** A path for a database in a folder that goes with the test. */
export function databasePath(t: TestContext): string {
  const { path: folder, remove } = tempFolder();
  t.after(remove);
  return join(folder, 'state', 'openshell.db');
}

/** An open store with the workspace `default`; closed with the test. */
export async function storeWithDefault(t: TestContext, path = databasePath(t)): Promise<Store> {
  const store = await openStore({ path });
  t.after(() => store.close());
  await store.insertWorkspace(workspace('default'));
  return store;
}

export function workspace(
  name: string,
  more: Partial<WorkspaceRecord> = {},
): Omit<WorkspaceRecord, 'resourceVersion'> {
  return {
    id: `workspace-${name}`,
    name,
    labels: {},
    annotations: {},
    createdAtMs: 1,
    deletionAtMs: 0,
    phase: 'active',
    ...more,
  };
}

export function sandbox(
  id: string,
  more: Partial<SandboxRecord> = {},
): Omit<SandboxRecord, 'resourceVersion'> {
  return {
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
  };
}

export function template(
  id: string,
  more: Partial<TemplateRecord> = {},
): Omit<TemplateRecord, 'resourceVersion'> {
  return {
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
  };
}

export function request(requestId: string, more: Partial<StoredRequest> = {}): StoredRequest {
  return {
    subject: 'me',
    requestId,
    fingerprint: 'f',
    answer: '{}',
    createdAtMs: 1,
    ...more,
  };
}

/** A value as the store gives it back: a field that is undefined may be missing. */
export function plain<T>(value: T): T {
  return value === undefined ? value : JSON.parse(JSON.stringify(value));
}
