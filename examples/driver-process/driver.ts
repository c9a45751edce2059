import { on } from 'node:events';
import type { ComputeDriver, DriverEvent } from '../../compute/driver.js';
import { Code, invalidArgument, notFound, OpenShellError } from '../../compute/errors.js';
import type { SandboxRef } from '../../compute/sandbox.js';
import { type HostProcess, startHostProcess } from './host-process.js';
import { createNews } from './news.js';

/** Lifecycle only: no exec, no logs, and nothing outlives the gateway. */
export function createProcessDriver(): ComputeDriver {
  const processes = new Map<string, HostProcess>();
  const news = createNews();

  function mustGet({ id, name }: SandboxRef): HostProcess {
    const found = processes.get(id);
    if (found === undefined) {
      throw notFound(`the sandbox '${name}' has no process here`);
    }
    return found;
  }

  return {
    name: 'process',
    access: undefined,

    capabilities: async () => ({
      driverName: 'process',
      driverVersion: process.version,
      defaultImage: 'none',
      gatewayManagesLifecycle: true,
      resources: { cpuLimit: false, memoryLimit: false, gpuDefault: false, gpuCount: false },
    }),

    async validateCreate({ spec }) {
      if (spec.command.length === 0) {
        throw invalidArgument('a sandbox of the driver process needs a command', { field: 'spec.command' });
      }
    },

    async create(sandbox) {
      if (processes.has(sandbox.id)) {
        throw new OpenShellError(Code.ALREADY_EXISTS, `the sandbox '${sandbox.name}' exists`);
      }
      const started = startHostProcess(sandbox, (observed) =>
        news.tell({ type: 'sandbox', sandbox: observed }),
      );
      processes.set(sandbox.id, started);
    },

    get: async ({ id }) => processes.get(id)?.observed(),
    list: async () => [...processes.values()].map((one) => one.observed()),
    stop: async (ref) => mustGet(ref).stop(),
    start: async (ref) => mustGet(ref).start(),

    async delete(ref) {
      const found = processes.get(ref.id);
      if (found === undefined) {
        return false;
      }
      await found.stop();
      processes.delete(ref.id);
      news.tell({ type: 'deleted', id: ref.id });
      return true;
    },

    async *watch({ signal }) {
      // Listens before the snapshot is read, so that no change falls between the two.
      const changes = on(news.emitter, 'event', { signal });
      for (const one of processes.values()) {
        yield { type: 'sandbox', sandbox: one.observed() };
      }
      yield { type: 'synced' };
      try {
        for await (const [event] of changes) {
          yield event as DriverEvent;
        }
      } catch (error) {
        if (!signal.aborted) {
          throw error;
        }
      }
    },

    async close() {
      await Promise.all([...processes.values()].map((one) => one.stop()));
    },
  };
}
