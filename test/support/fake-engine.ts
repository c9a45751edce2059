import { setTimeout as sleep } from 'node:timers/promises';
import type { Condition } from '../../dist/compute/conditions.js';
import {
  exitedConditions,
  runningConditions,
  startingConditions,
  suspendedConditions,
} from '../../dist/compute/conditions.js';
import type {
  ComputeDriver,
  DriverEvent,
  ExecChunk,
  ExecSession,
  ExecSpec,
  LogLine,
  PlatformEvent,
  ResourceCapabilities,
} from '../../dist/compute/driver.js';
import type { DriverEntry, ProbeResult } from '../../dist/compute/entry.js';
import { Code, notFound, OpenShellError, unavailable } from '../../dist/compute/errors.js';
import type { DriverSandbox, ObservedSandbox, SandboxRef } from '../../dist/compute/sandbox.js';
import { createQueue } from '../../dist/kit/queue.js';

interface Resource {
  readonly sandbox: DriverSandbox;
  conditions: Condition[];
  runs: number;
  deleting?: boolean;
}

/** An engine in memory that outlives gateways, for faults that a real one does not produce on demand. */
export interface FakeEngine {
  readonly resources: Map<string, Resource>;
  /** What the driver made for workspaces. Undefined: it makes nothing for them. */
  workspaces: Set<string> | undefined;
  readonly calls: string[];
  /** By call, the keys of all that told it which sandbox is meant. */
  readonly refKeys: Map<string, Set<string>>;
  /** Asked before each call; may throw or wait. */
  before: (call: string, id: string, signal: AbortSignal) => Promise<void> | void;
  probe: () => ProbeResult;
  resourceCapabilities: ResourceCapabilities | undefined;
  /** The main process of a sandbox ends. */
  exit(id: string, code: number): void;
  /** The resource is removed behind the gateway's back. */
  vanish(id: string): void;
  /** The driver tells news of a sandbox. */
  tell(id: string, event: PlatformEvent): void;
  /** Every open watch breaks. */
  breakWatches(): void;
  exec: (ref: SandboxRef, spec: ExecSpec, signal: AbortSignal) => ExecSession;
  logs: LogLine[];
  entry(name?: string, autoDetect?: boolean): DriverEntry;
  driver(name?: string): ComputeDriver;
}

export function createFakeEngine(): FakeEngine {
  const watchers = new Set<{ push(event: DriverEvent): void; fail(error: Error): void }>();

  const shown = (resource: Resource): ObservedSandbox => ({
    ...resource.sandbox,
    status: {
      resourceName: `fake-${resource.sandbox.id}`,
      instanceId: resource.runs === 0 ? '' : `${resource.sandbox.id}#${resource.runs}`,
      conditions: resource.conditions,
      deleting: resource.deleting ?? false,
    },
  });

  const emit = (event: DriverEvent) => {
    for (const watcher of watchers) {
      watcher.push(event);
    }
  };

  const set = (resource: Resource, conditions: Condition[]) => {
    resource.conditions = conditions;
    emit({ type: 'sandbox', sandbox: shown(resource) });
  };

  const run = (resource: Resource) => {
    resource.runs++;
    set(resource, runningConditions());
    const [program, code] = resource.sandbox.spec.command;
    if (program === 'true') {
      set(resource, exitedConditions(0));
    }
    if (program === 'exit') {
      set(resource, exitedConditions(Number(code)));
    }
  };

  const engine: FakeEngine = {
    resources: new Map(),
    workspaces: undefined,
    calls: [],
    refKeys: new Map(),
    before: () => {},
    resourceCapabilities: { cpuLimit: true, memoryLimit: true, gpuDefault: false, gpuCount: false },
    probe: () => ({ state: 'ready', endpoint: 'memory', engineVersion: '1.0' }),
    exit: (id, code) => set(mustGet(id), exitedConditions(code)),
    vanish(id) {
      engine.resources.delete(id);
      emit({ type: 'deleted', id });
    },
    tell: (id, event) => emit({ type: 'platform', id, event }),
    breakWatches() {
      for (const watcher of watchers) {
        watcher.fail(unavailable('the fake engine went away'));
      }
    },
    exec: () => {
      throw new OpenShellError(Code.UNIMPLEMENTED, 'this test set no exec');
    },
    logs: [],
    entry: (name = 'fake', autoDetect = true) => ({
      name,
      kind: 'driver',
      marker: `MARKER:${name}`,
      autoDetect,
      settings: {},
      probe: async () => engine.probe(),
      load: async () => ({ createDriver: async () => engine.driver(name) }),
    }),
    driver: (name = 'fake') => driver(name),
  };

  const mustGet = (id: string): Resource => {
    const resource = engine.resources.get(id);
    if (resource === undefined) {
      throw notFound(`no resource of sandbox ${id}`);
    }
    return resource;
  };

  const call = async (name: string, id: string, signal: AbortSignal) => {
    engine.calls.push(`${name} ${id}`);
    await engine.before(name, id, signal);
    signal.throwIfAborted();
  };

  const callFor = (name: string, ref: SandboxRef, signal: AbortSignal) => {
    engine.refKeys.set(name, new Set([...(engine.refKeys.get(name) ?? []), ...Object.keys(ref)]));
    return call(name, ref.id, signal);
  };

  const driver = (name: string): ComputeDriver => ({
    name,
    access: {
      async exec(ref, spec, { signal }) {
        await callFor('exec', ref, signal);
        return engine.exec(ref, spec, signal);
      },
      async *logs(ref, { tail, follow, signal }) {
        await callFor('logs', ref, signal);
        mustGet(ref.id);
        yield* tail === undefined ? engine.logs : engine.logs.slice(-tail);
        if (follow) {
          await sleep(3_600_000, undefined, { signal, ref: false }).catch(() => {});
        }
      },
    },
    capabilities: async () => ({
      driverName: name,
      driverVersion: '1.0',
      defaultImage: '',
      gatewayManagesLifecycle: true,
      resources: engine.resourceCapabilities,
    }),
    validateCreate: (sandbox, { signal }) => call('validate', sandbox.id, signal),
    async create(sandbox, { signal }) {
      if (engine.resources.has(sandbox.id)) {
        throw new OpenShellError(Code.ALREADY_EXISTS, `sandbox ${sandbox.id} exists`);
      }
      const resource: Resource = {
        sandbox,
        conditions: startingConditions('ContainerCreated', 'made, not started'),
        runs: 0,
      };
      engine.resources.set(sandbox.id, resource);
      try {
        await call('create', sandbox.id, signal);
      } catch (error) {
        if (!(error instanceof Error && error.message === 'crash')) {
          engine.resources.delete(sandbox.id);
        }
        throw error;
      }
      run(resource);
    },
    async get(ref, { signal }) {
      await callFor('get', ref, signal);
      const resource = engine.resources.get(ref.id);
      return resource === undefined ? undefined : shown(resource);
    },
    async list({ signal }) {
      await call('list', '', signal);
      return [...engine.resources.values()].map(shown);
    },
    async stop(ref, { signal }) {
      await callFor('stop', ref, signal);
      set(mustGet(ref.id), suspendedConditions());
    },
    async start(ref, { signal }) {
      await callFor('start', ref, signal);
      run(mustGet(ref.id));
    },
    async delete(ref, { signal }) {
      await callFor('delete', ref, signal);
      const existed = engine.resources.delete(ref.id);
      if (existed) {
        emit({ type: 'deleted', id: ref.id });
      }
      return existed;
    },
    async *watch({ signal }) {
      const queue = createQueue<DriverEvent>({ capacity: 100_000 });
      const watcher = {
        push(event: DriverEvent) {
          if (!queue.offer(event)) {
            queue.close(new Error('nobody reads this watch of the fake engine'));
          }
        },
        fail: (error: Error) => queue.end(error),
      };
      await call('watch', '', signal);
      watchers.add(watcher);
      const onAbort = () => queue.close();
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) {
        onAbort();
      }
      try {
        for (const resource of engine.resources.values()) {
          yield { type: 'sandbox', sandbox: shown(resource) };
        }
        yield { type: 'synced' };
        yield* queue;
      } finally {
        watchers.delete(watcher);
        signal.removeEventListener('abort', onAbort);
      }
    },
    ...(engine.workspaces && {
      async ensureWorkspace(workspace, { signal }) {
        await call('ensureWorkspace', workspace, signal);
        engine.workspaces?.add(workspace);
      },
      async deleteWorkspace(workspace, { signal }) {
        await call('deleteWorkspace', workspace, signal);
        engine.workspaces?.delete(workspace);
      },
    }),
    close: async () => {},
  });

  return engine;
}

/** An exec that prints what it is given and ends with `code`. */
export function printing(chunks: readonly ExecChunk[], code: number): ExecSession {
  return {
    output: (async function* () {
      yield* chunks;
    })(),
    stdin: undefined,
    resize: async () => {},
    exitCode: Promise.resolve(code),
  };
}
