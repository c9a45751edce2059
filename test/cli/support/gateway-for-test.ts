import type { TestContext } from 'node:test';
import { type Behaviour, type FakeGateway, startFakeGateway } from './fake-gateway.js';
import { type Running, type RunOptions, type RunResult, runCli, startCli } from './run.js';

export interface GatewayForTest extends FakeGateway {
  /** Runs `openshell` against this gateway. */
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  start(args: readonly string[], env?: NodeJS.ProcessEnv): Running;
}

/** A fake gateway that ends with the test. */
export async function gatewayForTest(t: TestContext, behaviour: Behaviour): Promise<GatewayForTest> {
  const gateway = await startFakeGateway(behaviour);
  t.after(() => gateway.close());
  const endpoint = { OPENSHELL_GATEWAY_ENDPOINT: `http://${gateway.address}` };
  return {
    ...gateway,
    run: (args, options = {}) => runCli(args, { ...options, env: { ...endpoint, ...options.env } }),
    start: (args, env = {}) => startCli(args, { ...endpoint, ...env }),
  };
}
