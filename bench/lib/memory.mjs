import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { credentials } from '@grpc/grpc-js';
import { startGateway } from './gateway.mjs';
import { atOnce } from './samples.mjs';

const SCRIPT = fileURLToPath(new URL('memory-gateway.mjs', import.meta.url));
const CREATES_AT_ONCE = 32;

/** The generated API of the build at `dist`, with a client that speaks it. */
export const openApi = async (dist, address) => {
  const load = (path) => import(pathToFileURL(join(dist, path)).href);
  const [{ methods }, { createWireClient }] = [
    await load('wire/v00/index.js'),
    await load('wire/client.js'),
  ];
  return { methods, client: createWireClient(address, credentials.createInsecure()) };
};

/** A gateway process of the build at `dist` with the driver in memory, and `count` sandboxes `s-0`, `s-1`, ... in it. */
export const startMemoryGateway = async ({ dist, folder, count }) => {
  const gateway = await startGateway({
    script: SCRIPT,
    args: [dist],
    folder,
    config: `[openshell.gateway]\ncompute_drivers = ["memory"]\ndefault_image = "test:1"\nlog_level = "info"\n`,
  });
  const api = await openApi(dist, gateway.address);
  const created = await atOnce(count, CREATES_AT_ONCE, (i) =>
    api.client.unary(api.methods.createSandbox, {
      name: `s-${i}`,
      labels: { app: 'bench', shard: String(i % 100) },
      spec: { environment: { HOME: '/sandbox', LANG: 'C' }, template: { image: 'test:1' } },
    }),
  );
  return {
    ...gateway,
    ...api,
    ids: created.map(({ sandbox }) => sandbox.metadata.id),
    async stop() {
      api.client.close();
      await gateway.stop();
    },
  };
};
