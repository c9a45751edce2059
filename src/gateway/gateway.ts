import type { DriverSettings } from '../compute/entry.js';
import { OpenShellError, unavailable } from '../compute/errors.js';
import type { Logger } from '../compute/log.js';
import type { TelemetrySink } from '../compute/telemetry.js';
import type { GatewayConfig } from '../config/gateway-config.js';
import type { Flavor } from '../flavor/flavor.js';
import { RPC_LIMITS, type RpcLimits } from '../rpc/server/limits.js';
import { createRpcServer } from '../rpc/server/server.js';
import type { Store } from '../store/store.js';
import { createApi } from './api/served.js';
import { createAdmit } from './auth/admit.js';
import { type AuthOptions, authenticators, createAuthenticate } from './auth/authenticate.js';
import { createAuthorizer, type Rule } from './auth/authorizer.js';
import { type DatabasePlace, keepPlace } from './database-place.js';
import { type CreateDriversOptions, createDrivers } from './drivers/create.js';
import type { ManagedDriver } from './drivers/managed.js';
import type { DriverReport, SelectedDriver } from './drivers/selection.js';
import { driverStates } from './drivers/states.js';
import { gatewayId } from './identity.js';
import { openKeys } from './keys/keys.js';
import { createController, type LifecycleTuning } from './lifecycle/controller.js';
import { toStrayLine } from './lifecycle/reconciler.js';
import { createSandboxEvents } from './lifecycle/sandbox-events.js';
import { createGatewayMetrics } from './observe/gateway-metrics.js';
import { createHealthServer, createMetricsServer, type HttpEndpoint } from './observe/http-endpoints.js';
import type { SandboxLog } from './observe/sandbox-log.js';
import { createExecService } from './services/exec.js';
import { createLogService } from './services/logs.js';
import { createPages } from './services/pages.js';
import { createRequestService } from './services/requests.js';
import { createSandboxService } from './services/sandboxes.js';
import { createInfoService } from './services/services.js';
import { createTemplateService } from './services/templates.js';
import { createWatchService } from './services/watch.js';
import { createWorkspaceService } from './services/workspaces.js';
import { loadCredentials, type TlsFiles } from './tls.js';

export interface GatewayOptions
  extends Omit<CreateDriversOptions, 'gatewayId' | 'keys' | 'settings'>,
    Pick<GatewayConfig, 'sandboxNamespace' | 'gatewayId' | 'secretKeyPath'> {
  readonly flavor: Flavor;
  /** `host:port`; port 0 takes a free one. */
  readonly bindAddress: string;
  /** Undefined: no such listener. */
  readonly healthBindAddress: string | undefined;
  readonly metricsBindAddress: string | undefined;
  /** Undefined: plaintext. */
  readonly tls: TlsFiles | undefined;
  readonly auth: AuthOptions;
  /** Default: every user may do everything. */
  readonly rule?: Rule;
  /** Overrides of the default limits. */
  readonly limits?: Partial<RpcLimits>;
  /** Host names that requests to the health and metrics listeners may use besides addresses. */
  readonly httpAllowedHosts?: readonly string[];
  /** Probed drivers, the default one first. */
  readonly selected: readonly SelectedDriver[];
  readonly driverSettings: (name: string) => DriverSettings;
  /** Empty: none. */
  readonly defaultImage: string;
  readonly lifecycle?: LifecycleTuning;
  readonly openStore: () => Promise<Store>;
  /** The place of the opened database; undefined: not checked. */
  readonly databasePlace?: (() => Promise<DatabasePlace>) | undefined;
  /** The word of the place that the database was moved to. */
  readonly adoptDatabase?: string | undefined;
  readonly telemetry: TelemetrySink | undefined;
  readonly sandboxLog: SandboxLog;
}

export interface Gateway {
  readonly gatewayId: string;
  /** `host:port` as bound. */
  readonly address: string;
  readonly healthAddress: string | undefined;
  readonly metricsAddress: string | undefined;
  readonly drivers: readonly DriverReport[];
  /** Waits at most `graceMs` for running calls. Sandboxes keep running. */
  close(graceMs: number): Promise<void>;
}

/** OpenShell's limit for one request. */
const REQUEST_BYTES = 1024 * 1024;
const CLOSE_LIFECYCLE_MS = 2_000;
/** Delays work that the first callers do not need: a client that waited for this start calls at once. */
const LOAD_AFTER_MS = 20;
/** An engine's client can take longer to load than everything else. */
const WATCH_AFTER_MS = 100;

/**
 * Composes the gateway, from the inside out: store, key, drivers, lifecycle (makes store and engines agree), services
 * (the use cases), api (maps both wire generations onto them), auth and the gRPC server, then the HTTP listeners. Each
 * step pushes how it is undone; a failed start and `close` run these in reverse order.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log, flavor, version, selected } = options;
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const { name, report } of selected) {
      for (const warning of report.warnings) {
        log.warn(warning, { driver: name });
      }
    }
    const certificates = await loadCredentials(options.tls, log);
    undo.push(async () => certificates?.close());
    const store = await options.openStore();
    undo.push(() => store.close());
    const place = await options.databasePlace?.();
    if (place !== undefined) {
      await keepPlace(store, place, options.adoptDatabase);
    }
    const id = await gatewayId(store, options.gatewayId);
    const keys = await openKeys(store, options.secretKeyPath, id);

    const drivers: ReadonlyMap<string, ManagedDriver> = createDrivers(selected, {
      ...options,
      gatewayId: id,
      keys,
      settings: options.driverSettings,
    });
    undo.push(async () => {
      await Promise.all([...drivers.values()].map((driver) => driver.close()));
    });
    // A driver in another process was not probed: it must answer now.
    await Promise.all([...drivers.values()].map((driver) => driver.external && driver.driver()));
    const metrics = createGatewayMetrics({
      store,
      drivers,
      flavor,
      strays: () => controller.strays(),
      load: () => controller.load(),
    });
    const sandboxEvents = createSandboxEvents((id) => options.sandboxLog.drop(id));
    const controller = createController({
      store,
      drivers,
      sandboxEvents,
      namespace: options.sandboxNamespace,
      log,
      observeCall: metrics.observeDriverCall,
      observeReconcile: metrics.observeReconcile,
      tuning: options.lifecycle,
      observeLeftBehind: metrics.observeLeftBehind,
    });
    undo.push(() => controller.close(CLOSE_LIFECYCLE_MS));
    const pages = createPages(keys.derive('page tokens'));
    const authorizer = createAuthorizer(options.rule);
    const removal = controller.workspaces;
    const workspaces = createWorkspaceService({ store, authorizer, pages, now: Date.now, removal });
    await workspaces.ensureDefault();
    const templates = createTemplateService({ store, authorizer, workspaces, pages, now: Date.now });
    const sandboxes = createSandboxService({
      store,
      authorizer,
      controller,
      workspaces,
      templates,
      pages,
      drivers,
      flavor,
      namespace: options.sandboxNamespace,
      defaultImage: options.defaultImage,
      telemetry: options.telemetry,
      now: Date.now,
    });
    const activity = metrics.observeUse;
    const logs = createLogService({ gatewayLog: options.sandboxLog, drivers, activity, log });
    const services = {
      sandboxes,
      templates,
      workspaces,
      logs,
      exec: createExecService({ sandboxes, drivers, activity }),
      watch: createWatchService({ sandboxes, logs, sandboxEvents }),
      info: createInfoService({ version, drivers }),
      requests: createRequestService({ store, log, now: Date.now }),
    };
    undo.push(async () => services.requests.close());
    const api = createApi(services, metrics.observeGeneration);
    const rpc = createRpcServer({
      what: 'gateway',
      methods: api.methods,
      admit: createAdmit({
        authenticate: createAuthenticate(authenticators(options.auth)),
        authorizer,
        log,
      }),
      requestBytes: REQUEST_BYTES,
      sendsRequestIds: true,
      limits: { ...RPC_LIMITS, ...options.limits },
      log,
      observeCall: metrics.observeRpc,
    });
    const port = await listening('gateway', options.bindAddress, () =>
      rpc.listen(options.bindAddress, certificates),
    );
    let graceMs = 0;
    undo.push(() => rpc.close(graceMs));
    const allowedHosts = options.httpAllowedHosts ?? [];
    async function openHttp(
      what: string,
      address: string | undefined,
      open: (address: string) => Promise<HttpEndpoint>,
    ): Promise<string | undefined> {
      if (address === undefined) {
        return undefined;
      }
      const endpoint = await listening(what, address, () => open(address));
      undo.push(() => endpoint.close());
      return endpoint.address;
    }

    const healthAddress = await openHttp('health', options.healthBindAddress, (address) =>
      createHealthServer({
        address,
        version,
        checks: { database: () => store.ping() },
        drivers: () => driverStates(flavor, drivers),
        strays: () => controller.strays().map(toStrayLine),
        allowedHosts,
      }),
    );
    const metricsAddress = await openHttp('metrics', options.metricsBindAddress, (address) =>
      createMetricsServer({ address, render: metrics.render, allowedHosts }),
    );
    const later = [
      setTimeout(() => {
        api.load().catch((error: unknown) => log.warn(OpenShellError.from(error).text, { error }));
      }, LOAD_AFTER_MS),
      setTimeout(() => controller.start(), WATCH_AFTER_MS),
    ];
    undo.push(async () => later.forEach(clearTimeout));

    return {
      gatewayId: id,
      address: withPort(options.bindAddress, port),
      healthAddress,
      metricsAddress,
      drivers: selected.map(({ report }) => report),
      async close(grace) {
        graceMs = grace;
        await runAll(undo, log);
      },
    };
  } catch (error) {
    await runAll(undo, log);
    throw error;
  }
}

async function runAll(undo: (() => Promise<void>)[], log: Logger): Promise<void> {
  for (const step of undo.reverse()) {
    await step().catch((error) => log.warn(`while closing: ${OpenShellError.from(error).text}`, { error }));
  }
  undo.length = 0;
}

async function listening<T>(what: string, address: string, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw unavailable(`the ${what} listener cannot use ${address}: ${reason}`, {
      reason: 'ListenFailed',
      hint: 'is another gateway running? use another address',
      cause: error,
    });
  }
}

function withPort(address: string, port: number): string {
  return `${address.slice(0, address.lastIndexOf(':'))}:${port}`;
}
