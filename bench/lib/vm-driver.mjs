import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const POLL_MS = 5;

/**
 * The vm driver of the build at `dist` with its driver process, spoken to as the gateway does and without one.
 * `settings` are keys of its table; its state lies in `stateDir`.
 */
export async function openVmDriver({ dist, stateDir, settings }) {
  function load(path) {
    return import(pathToFileURL(join(dist, path)).href);
  }

  const [{ default: vm }, { createDriver }, { observedState }, { silentLogger }] = await Promise.all(
    ['drivers/vm/entry.js', 'drivers/vm/index.js', 'compute/conditions.js', 'compute/log.js'].map(load),
  );
  const defaults = Object.entries(vm.settings).map(([key, { default: value }]) => [key, value]);
  const driver = await createDriver({
    gatewayId: randomUUID(),
    version: 'bench',
    sandboxNamespace: 'bench',
    stateDir,
    settings: { ...Object.fromEntries(defaults), ...settings },
    env: process.env,
    endpoint: '',
    log: silentLogger,
  });
  const { signal } = new AbortController();
  return {
    /** An idle sandbox, once its main process runs. */
    async create(name) {
      const resources = { cpuRequest: '', cpuLimit: '', memoryRequest: '', memoryLimit: '' };
      const empty = { labels: {}, environment: {}, platformConfig: {}, driverConfig: {} };
      const template = { image: 'openshell-test:1', resources, ...empty };
      const spec = { logLevel: '', environment: {}, gpu: undefined, command: [], tty: false, template };
      const sandbox = { id: randomUUID(), name, workspace: 'default', namespace: 'bench', spec };
      await driver.create(sandbox, { signal });
      for (;;) {
        const { kind, message } = observedState((await driver.get(sandbox, { signal })).status);
        if (kind === 'running') {
          return sandbox;
        }
        if (kind !== 'provisioning') {
          throw new Error(`${kind}: ${message}`);
        }
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
    async exec(sandbox, command, onData) {
      const spec = { command, workdir: '', environment: {}, tty: false, size: undefined };
      const options = { ...spec, timeoutMs: 0, stdin: false };
      const session = await driver.access.exec(sandbox, options, { signal });
      for await (const { data } of session.output) {
        onData(data);
      }
      const code = await session.exitCode;
      if (code !== 0) {
        throw new Error(`exec ended with ${code}`);
      }
    },
    async close() {
      for (const sandbox of await driver.list({ signal })) {
        await driver.delete(sandbox, { signal });
      }
      await driver.close();
    },
  };
}
