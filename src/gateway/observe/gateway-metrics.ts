import type { Flavor } from '../../flavor/flavor.js';
import type { Store } from '../../store/store.js';
import type { ManagedDriver } from '../drivers/managed.js';
import { driverStates } from '../drivers/states.js';
import type { DriverLoad } from '../lifecycle/driver-calls.js';
import type { Stray } from '../lifecycle/reconciler.js';
import { createMetricsRegistry } from './metrics.js';

/** Each subject is a series. */
const MOST_SUBJECTS = 100;
const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The gateway's metrics, with OpenShell's names where it has the same metric. */
export function createGatewayMetrics(options: {
  store: Store;
  drivers: ReadonlyMap<string, ManagedDriver>;
  flavor: Flavor;
  strays: () => readonly Stray[];
  load: () => readonly DriverLoad[];
}) {
  const { store, drivers, flavor } = options;
  const registry = createMetricsRegistry();
  const rpcs = registry.counter(
    'openshell_server_grpc_requests_total',
    'RPCs answered, by gRPC status code.',
    ['method', 'code'],
  );
  const users = registry.counter(
    'openshell_server_user_requests_total',
    `RPCs by caller; callers after the first ${MOST_SUBJECTS} are counted as (other).`,
    ['subject'],
  );
  const subjects = new Set<string>();
  const uses = registry.counter('openshell_sandbox_uses_total', 'Commands run in sandboxes and logs read.', [
    'driver',
    'use',
  ]);
  const generations = registry.counter(
    'openshell_server_api_requests_total',
    'Requests of openshell.v1.OpenShell by generation of the API; either: the request is the same in both.',
    ['method', 'generation'],
  );
  const rpcSeconds = registry.histogram(
    'openshell_server_grpc_request_duration_seconds',
    'Time to answer an RPC.',
    ['method'],
    SECONDS,
  );
  const driverSeconds = registry.histogram(
    'openshell_driver_call_duration_seconds',
    'Time of a call to a compute driver.',
    ['driver', 'call'],
    SECONDS,
  );
  const driverErrors = registry.counter(
    'openshell_driver_call_errors_total',
    'Calls to a compute driver that failed.',
    ['driver', 'call'],
  );
  const reconciles = registry.counter('openshell_reconcile_total', 'Reconciliations of store and engine.', [
    'driver',
    'outcome',
  ]);
  const leftBehind = registry.counter(
    'openshell_driver_exec_left_behind_total',
    'Commands that should have been ended, at a timeout or after their client disconnected, and still run.',
    ['driver'],
  );
  registry.gauge('openshell_sandboxes', 'Stored sandboxes.', ['driver', 'phase'], async () =>
    (await store.countSandboxes()).map(({ driver, phase, count }) => [[driver, phase], count]),
  );
  registry.gauge(
    'openshell_strays',
    "Resources with this gateway's id that have no row in its database.",
    ['driver'],
    async () => {
      const counts = new Map([...drivers.keys()].map((name) => [name, 0]));
      for (const { driver } of options.strays()) {
        counts.set(driver, (counts.get(driver) ?? 0) + 1);
      }
      return [...counts].map(([driver, count]) => [[driver], count]);
    },
  );
  registry.gauge(
    'openshell_driver_operations',
    'Creates, starts, stops and deletes that a compute driver is running, and those that are waiting.',
    ['driver', 'state'],
    async () =>
      options
        .load()
        .flatMap(({ driver, running, waiting }) => [
          [[driver, 'running'], running] as const,
          [[driver, 'waiting'], waiting] as const,
        ]),
  );
  registry.gauge(
    'openshell_driver_state',
    '1 for the current state of each known driver. unavailable: in the build, but not selected or not usable.',
    ['driver', 'state'],
    async () => driverStates(flavor, drivers).map(({ name, state }) => [[name, state], 1]),
  );

  return {
    /** `subject` empty: not authenticated. */
    observeRpc(path: string, code: number, seconds: number, subject: string): void {
      const method = path.slice(1);
      rpcs.add([method, String(code)]);
      rpcSeconds.observe([method], seconds);
      if (subject === '') {
        return;
      }
      if (subjects.size < MOST_SUBJECTS) {
        subjects.add(subject);
      }
      users.add([subjects.has(subject) ? subject : '(other)']);
    },
    observeGeneration: (method: string, generation: string) => generations.add([method, generation]),
    observeDriverCall(driver: string, call: string, seconds: number, error: boolean): void {
      driverSeconds.observe([driver, call], seconds);
      if (error) {
        driverErrors.add([driver, call]);
      }
    },
    observeReconcile: (driver: string, outcome: 'success' | 'failure') => reconciles.add([driver, outcome]),
    observeLeftBehind: (driver: string) => leftBehind.add([driver]),
    observeUse: ({ driver }: { driver: string }, use: string) => uses.add([driver, use]),
    describe: () => registry.describe(),
    render: () => registry.render(),
  };
}
