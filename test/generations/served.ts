import { afterEach, beforeEach } from 'node:test';
import { SandboxPhase, methods as v01, type WorkspaceSelector } from '../../dist/wire/v01/index.js';
import { createFakeEngine, type FakeEngine } from '../support/fake-engine.js';
import { type TempFolder, tempFolder } from '../support/folder.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { eventually } from '../support/wait.js';

/** A gateway for each test of a file, on an engine in memory. */
export interface Served {
  readonly engine: FakeEngine;
  readonly gateway: TestGateway;
  /** Ends the gateway and starts another on the same store and engine. */
  restart(): Promise<void>;
}

export function serveEachTest(options: Parameters<typeof startTestGateway>[2] = {}): Served {
  let folder: TempFolder;
  let engine: FakeEngine;
  let gateway: TestGateway;
  const start = async () => {
    gateway = await startTestGateway(folder.path, [engine.entry()], options);
  };
  beforeEach(async () => {
    folder = tempFolder();
    engine = createFakeEngine();
    await start();
  });
  afterEach(async () => {
    await gateway.close();
    folder.remove();
  });
  return {
    get engine() {
      return engine;
    },
    get gateway() {
      return gateway;
    },
    async restart() {
      await gateway.close();
      await start();
    },
  };
}

type Selection = WorkspaceSelector['selection'];

export function inWorkspace(value: string) {
  return {
    workspaceScope: { selection: { case: 'workspace', value } as const satisfies Selection },
  };
}

export const here = inWorkspace('default');
export const everywhere = {
  workspaceScope: { selection: { case: 'allWorkspaces' as const, value: {} } },
};

/** Waits until the sandbox of that name is in `phase`, as generation 0.1 shows it. */
export function inPhase(served: Served, name: string, phase: SandboxPhase) {
  return eventually(`${name} in ${SandboxPhase[phase]}`, async () => {
    const { sandbox } = await served.gateway.client.unary(v01.getSandbox, { name, ...here });
    return sandbox?.status?.phase === phase ? sandbox : undefined;
  });
}
