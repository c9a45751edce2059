import { fileURLToPath } from 'node:url';
import { openApi } from './api.mjs';
import { startGateway } from './gateway.mjs';
import { atOnce } from './samples.mjs';

const SCRIPT = fileURLToPath(new URL('memory-gateway.mjs', import.meta.url));
const CREATES_AT_ONCE = 32;

/** A gateway process of the build at `dist` with the driver in memory, and `count` sandboxes `s-0`, `s-1`, ... in it. */
export async function startMemoryGateway({ dist, folder, count }) {
  const gateway = await startGateway({
    script: SCRIPT,
    args: [dist],
    folder,
    config: `[openshell.gateway]\ncompute_drivers = ["memory"]\ndefault_image = "test:1"\nlog_level = "info"\n`,
  });
  const api = await openApi(dist, gateway.address);
  const ids = await atOnce(count, CREATES_AT_ONCE, (i) =>
    api.create(`s-${i}`, {
      labels: { app: 'bench', shard: String(i % 100) },
      spec: { environment: { HOME: '/sandbox', LANG: 'C' }, template: { image: 'test:1' } },
    }),
  );
  return {
    ...gateway,
    ...api,
    ids,
    async stop() {
      api.close();
      await gateway.stop();
    },
  };
}
