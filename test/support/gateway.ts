import { join } from 'node:path';
import type { DriverEntry } from '../../dist/compute/entry.js';
import { silentLogger } from '../../dist/compute/log.js';
import { selectDrivers } from '../../dist/gateway/drivers/selection.js';
import { type Gateway, type GatewayOptions, startGateway } from '../../dist/gateway/gateway.js';
import { createSandboxLog } from '../../dist/gateway/observe/sandbox-log.js';
import { openStore } from '../../dist/parts/store-sqlite/open-store.js';
import { createRpcClient } from '../../dist/rpc/client/client.js';
import type { RpcClient } from '../../dist/rpc/client/contract.js';

export interface TestGateway {
  readonly gateway: Gateway;
  readonly client: RpcClient;
  close(): Promise<void>;
}

/** A gateway in this process, on a free port, with its store in `folder`. */
export async function startTestGateway(
  folder: string,
  drivers: readonly DriverEntry[],
  { computeDrivers = [], ...options }: Partial<GatewayOptions> & { computeDrivers?: readonly string[] } = {},
): Promise<TestGateway> {
  const flavor = { name: 'test', drivers, stores: [], telemetry: undefined };
  const gateway = await startGateway({
    version: '0.0.0-test',
    flavor,
    bindAddress: '127.0.0.1:0',
    healthBindAddress: undefined,
    metricsBindAddress: undefined,
    tls: undefined,
    auth: { mutualTls: false, allowUnauthenticated: false },
    selected: await selectDrivers({
      flavor,
      configured: computeDrivers,
      settings: () => ({}),
      external: new Map(),
      env: {},
      signal: new AbortController().signal,
    }),
    driverSettings: () => ({}),
    connectExternal: undefined,
    sandboxNamespace: 'default',
    defaultImage: 'test:1',
    gatewayId: undefined,
    secretKeyPath: join(folder, 'secret.key'),
    stateDir: join(folder, 'drivers'),
    env: {},
    openStore: () => openStore({ path: join(folder, 'openshell.db') }),
    telemetry: undefined,
    log: silentLogger,
    sandboxLog: createSandboxLog(),
    signal: new AbortController().signal,
    ...options,
  });
  const client = createRpcClient(gateway.address);
  return {
    gateway,
    client,
    async close() {
      client.close();
      await gateway.close(0);
    },
  };
}
