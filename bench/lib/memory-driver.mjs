const FLOOD_PIECES = 2048;
const FLOOD_PIECE = Buffer.alloc(32 * 1024);

async function* hello() {
  yield { stream: 'stdout', data: Buffer.from('hello\n') };
}

/** 64 MiB as an engine's connection brings them. */
async function* flood() {
  for (let i = 0; i < FLOOD_PIECES; i++) {
    yield { stream: 'stdout', data: FLOOD_PIECE };
    if (i % 2 === 1) {
      await new Promise(setImmediate);
    }
  }
}

/**
 * A driver whose engine is this process's memory: what the gateway itself costs, with nothing behind it.
 * An exec answers at once with one line of output and exit code 0;
 * `flood` with 64 MiB.
 */
export function createMemoryEntry({ runningConditions }) {
  const sandboxes = new Map();
  const watchers = new Set();

  function show({ sandbox, conditions }) {
    return {
      ...sandbox,
      status: {
        resourceName: `memory-${sandbox.id}`,
        instanceId: `${sandbox.id}#1`,
        conditions,
        deleting: false,
      },
    };
  }

  function tell(event) {
    for (const watcher of watchers) {
      watcher(event);
    }
  }

  const driver = {
    name: 'memory',
    access: {
      capabilities: { tty: false, logs: false },
      async exec(_sandbox, { command }) {
        return {
          output: command[0] === 'flood' ? flood() : hello(),
          stdin: undefined,
          async resize() {},
          exitCode: Promise.resolve(0),
        };
      },
      async *logs() {},
    },
    capabilities: async () => ({
      driverName: 'memory',
      driverVersion: '1',
      defaultImage: '',
      gatewayManagesLifecycle: true,
      resources: { cpuLimit: true, memoryLimit: true, gpuDefault: false, gpuCount: false },
    }),
    async validateCreate() {},
    async create(sandbox) {
      const made = { sandbox, conditions: runningConditions() };
      sandboxes.set(sandbox.id, made);
      tell({ type: 'sandbox', sandbox: show(made) });
    },
    async get({ id }) {
      const found = sandboxes.get(id);
      return found && show(found);
    },
    list: async () => [...sandboxes.values()].map(show),
    async stop() {},
    async start() {},
    async delete({ id }) {
      const existed = sandboxes.delete(id);
      if (existed) {
        tell({ type: 'deleted', id });
      }
      return existed;
    },
    async *watch({ signal }) {
      const queue = [];
      let wake = () => {};
      function watcher(event) {
        queue.push(event);
        wake();
      }

      signal.addEventListener('abort', () => wake(), { once: true });
      for (const made of sandboxes.values()) {
        queue.push({ type: 'sandbox', sandbox: show(made) });
      }
      queue.push({ type: 'synced' });
      watchers.add(watcher);
      while (!signal.aborted) {
        if (queue.length > 0) {
          yield queue.shift();
        } else {
          await new Promise((resolve) => {
            wake = resolve;
          });
        }
      }
      watchers.delete(watcher);
    },
    async close() {},
  };

  return {
    name: 'memory',
    kind: 'driver',
    marker: 'memory',
    autoDetect: false,
    settings: {},
    probe: async () => ({ state: 'ready', endpoint: 'memory', engineVersion: '1' }),
    load: async () => ({ createDriver: async () => driver }),
  };
}
